"""Attacks tried out for a measurement: each says in a line of JSON what was done, and how soon each check noticed.

unshare -rn python -m gateway.demo.trial modbus_write goose_st_jump
"""

import asyncio
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from gateway.demo.attacked import attacked, attempt
from simulator.attacks.insider import Insider
from simulator.attacks.menu import MENU

BEFORE: Final = "before"
"""The line of what was said before the first attack, which is to be nothing."""


async def tried(names: Sequence[str]) -> None:
    """Try them one after the other, and print a line for each."""
    settled = any(issubclass(MENU[name], Insider) for name in names)
    async with attacked(settled=settled) as (stage, on):
        said = [f"{alarm['kind']}: {alarm['text']}" for _, alarm in stage.heard if alarm["detector"] == "cyber"]
        _say({"do": BEFORE, "said": said})
        for name in names:
            made = await attempt(stage, on, MENU[name]())
            seen = {kind: round(made.after_s(kind), 2) for kind in made.alarms}
            told = json.loads(made.truth.line())
            _say({**told, "seen": seen, "missed": list(made.missed)})


def _say(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    asyncio.run(tried(sys.argv[1:]))
