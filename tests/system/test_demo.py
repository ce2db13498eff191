"""The demonstration tells the truth about itself."""

import asyncio
import sys

import pytest


@pytest.mark.slow
async def test_demo_loses_nothing():
    """A round with an outage in it: exit code 0, all that was measured was told, no number missing."""
    demo = "from gateway.cli import main; raise SystemExit(main())"
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", demo, "demo", "--seconds", "45"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(100):
        said, _ = await child.communicate()

    assert child.returncode == 0, said.decode()
    assert b"link CUT" in said
    assert b"(0 missing)" in said
    assert b"0 numbers missing" in said
    assert b"nothing was lost" in said
    assert b"all protocols agree" in said
