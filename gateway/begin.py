"""Begins the process that reads a configuration, and imports little: it reads while the daemon loads its own code."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from protocols.settings import PLAIN

PROGRAM = "import sys; from gateway.config.apart import answer; answer(sys.argv[1])"


def command(path: Path) -> Sequence[str]:
    """Return the program that reads `path` and answers on its standard output."""
    return sys.executable, "-P", "-c", PROGRAM, str(path)


def environment() -> Mapping[str, str]:
    """Return where it runs: it checks, and looks through no installed package for plugins of pydantic."""
    own = {key: value for key, value in os.environ.items() if key != PLAIN}
    return own | {"PYDANTIC_DISABLE_PLUGINS": "__all__"}


def begin(path: Path) -> "subprocess.Popen[bytes]":
    """Begin to read `path` in a process of its own."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter and words
        command(path), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment()
    )
