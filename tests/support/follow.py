"""The lines of a command that goes on: waits for one of them, and looks at no clock but for its patience."""

import os
import selectors
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

PATIENCE_S: Final = 180.0
"""On a computer that does much else; who waits sees at once what he waits for."""


class Follow:
    """One such command; `lines` are those that it has said so far."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
        )
        assert self._process.stdout is not None
        self._pipe = self._process.stdout.fileno()
        os.set_blocking(self._pipe, False)
        self._rest = b""
        self.lines: list[str] = []

    def mark(self) -> int:
        """Return the place after all that was said until now."""
        while self._read(0):
            pass
        return len(self.lines)

    def until(
        self, found: Callable[[str], object], what: str, *, since: int = 0, patience_s: float = PATIENCE_S
    ) -> str:
        """Return the first line from `since` on for which `found` is true; wait for it if it was not said yet."""
        end = time.monotonic() + patience_s
        while True:
            for line in self.lines[since:]:
                if found(line):
                    return line
            since = len(self.lines)
            if not self._read(max(0.0, end - time.monotonic())):
                last = "\n".join(self.lines[-5:])
                raise AssertionError(f"waited {patience_s:g} s for {what}; the last lines:\n{last}")

    def _read(self, patience_s: float) -> bool:
        """Take what was said; whether anything was, within so many seconds."""
        with selectors.DefaultSelector() as ready:
            ready.register(self._pipe, selectors.EVENT_READ)
            said = os.read(self._pipe, 1 << 20) if ready.select(patience_s) else b""
        *whole, self._rest = (self._rest + said).split(b"\n")
        self.lines += (line.decode(errors="replace").rstrip("\r") for line in whole)
        return bool(said)

    def close(self) -> None:
        """End the command; what it said before is in `lines`."""
        self._process.kill()
        self._process.wait()
        while self._read(PATIENCE_S):
            pass
        assert self._process.stdout is not None
        self._process.stdout.close()
