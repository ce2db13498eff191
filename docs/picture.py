"""Draws docs/demo.svg: the screen of the demonstration 33 seconds in, while the broker is away. `make picture`."""

import asyncio
import logging
import re
from pathlib import Path

import structlog
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from gateway.cli.demo import outages
from gateway.demo.stage import staged
from gateway.demo.view import View
from simulator import scenario

AT_S = 33.0
SVG = Path(__file__).with_name("demo.svg")


async def main() -> None:
    """Play, draw, stop."""
    console = Console(record=True, width=118, height=40, force_terminal=True, quiet=False)
    async with staged(scenario.load("demo"), None) as stage:
        cutting = asyncio.create_task(outages(stage))
        view = View(stage)
        while stage.seconds < AT_S:
            await asyncio.sleep(1.0)
            view.screen()
        console.print(view.screen())
        cutting.cancel()
    own = re.sub(r"\s*(@font-face {{.*?}}|<!-- .*? -->)", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    console.save_svg(str(SVG), title="make demo", code_format=own)  # no fonts and no words from elsewhere


logging.disable(logging.CRITICAL)
structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
asyncio.run(main())
