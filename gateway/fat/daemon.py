"""The real gateway, `gridsentinel run`, as a child process on a configuration of the test."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

PROGRAM = "from gateway.cli import main; raise SystemExit(main())"
STOP_S = 60.0
"""Longer than the gateway takes to deliver what is on its way, and give up."""
TAIL = 2000
"""Characters of its log that are shown when it has ended by itself."""


class Ended(Exception):
    """The gateway has ended by itself; says what it wrote last."""


@asynccontextmanager
async def daemon(file: Path, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run it while the context lasts, and stop it as a service would be."""
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-c", PROGRAM, "run", str(file), stdout=said, stderr=said
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(STOP_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


def ended(process: asyncio.subprocess.Process, log: Path) -> Ended | None:
    """Return that it has ended by itself, if it has."""
    if process.returncode is None:
        return None
    return Ended(f"the gateway ended with code {process.returncode}: {log.read_text(errors='replace').strip()[-TAIL:]}")
