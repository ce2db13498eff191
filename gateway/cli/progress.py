"""A bar that moves while something takes its time; on a terminal only, so that no file or pipe is full of it."""

import sys
import time
from typing import TextIO

WIDTH = 30
EVERY_S = 0.1
"""How often it is drawn at most."""


class Progress:
    """Called with the share that is done, 0 to 1; `done` takes the bar away."""

    def __init__(self, what: str, to: TextIO | None = None) -> None:
        self._what, self._to = what, sys.stderr if to is None else to
        self._shown = self._to.isatty()
        self._drawn_s = 0.0

    def __call__(self, share: float) -> None:
        """Draw it."""
        now_s = time.monotonic()
        if not self._shown or now_s - self._drawn_s < EVERY_S:
            return
        self._drawn_s = now_s
        full = round(min(max(share, 0.0), 1.0) * WIDTH)
        self._to.write(f"\r{self._what} [{'#' * full}{'.' * (WIDTH - full)}] {share:4.0%}")
        self._to.flush()

    def done(self) -> None:
        """Take it away."""
        if self._shown and self._drawn_s:
            self._to.write("\r\x1b[K")
            self._to.flush()
