"""The command itself: what holds for each of its commands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (sys.executable, "-c", "import sys; from gateway.cli import main; sys.exit(main())")


@pytest.mark.parametrize("words", [("check", "config/demo.yaml"), ("schema",), ("simulate", "--list")])
def test_a_reader_that_has_seen_enough(words):
    """`… | head` is a good end of whatever was asked, without a traceback."""
    seen_enough, out = os.pipe()
    os.close(seen_enough)
    with os.fdopen(out, "wb") as stdout:
        ended = subprocess.run(
            (*PROGRAM, *words), check=False, stdout=stdout, stderr=subprocess.PIPE, cwd=ROOT, timeout=60
        )

    assert (ended.returncode, ended.stderr) == (0, b"")
