"""A pseudo-terminal for whoever plays a serial line: raw, never blocking, with a name that stays if one is wanted."""

import os
import tty
from pathlib import Path


class PseudoTerminal:
    """Open from the start. `ours` is the descriptor of the player, `path` the terminal that others open."""

    def __init__(self, link: Path | None = None) -> None:
        """Open one, and let `link` lead to it.

        Raises:
            OSError: there is none left, or `link` cannot be made.
        """
        self._link = link
        self.ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self.ours, False)
        self.path = os.ttyname(self._theirs)
        if link is not None:
            link.unlink(missing_ok=True)
            link.symlink_to(self.path)

    def close(self) -> None:
        """Take it away, and the name that led to it."""
        os.close(self.ours)
        os.close(self._theirs)
        if self._link is not None:
            self._link.unlink(missing_ok=True)
