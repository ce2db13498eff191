"""One section, device or detector before it is checked: its values, and where they stand."""

from dataclasses import dataclass
from typing import Any

from gateway.config.document import Document
from gateway.config.fault import Fault
from protocols.settings import Path


@dataclass(frozen=True, slots=True)
class Base:
    """The profile under a device: `points` tells of each point where it stands in the profile, and in the device."""

    document: Document
    points: tuple[tuple[int | None, int | None], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """Values at `path` of a file, with those of `base` where they have none of their own."""

    document: Document
    path: Path
    data: Any
    base: Base | None = None

    def fault(self, path: Path, text: str, *, at_key: bool = False) -> Fault:
        """Make a fault at `path` below this entry, in the file that has the value."""
        document, at = self._origin(path)
        return document.fault(at, text, at_key=at_key)

    def place(self, path: Path) -> tuple[Document, int]:
        """Return in which file and line the value at `path` stands."""
        document, at = self._origin(path)
        return document, document.line(at)

    def _origin(self, path: Path) -> tuple[Document, Path]:
        own: Path | None = path
        if self.base is None:
            return self.document, (*self.path, *path)
        theirs: Path | None = path
        if len(path) > 1 and path[0] == "points" and isinstance(path[1], int):
            below, above = self.base.points[path[1]]
            theirs = None if below is None else ("points", below, *path[2:])
            own = None if above is None else ("points", above, *path[2:])
        mine = None if own is None else (*self.path, *own)
        if theirs is not None and (mine is None or (self.base.document.has(theirs) and not self.document.has(mine))):
            return self.base.document, theirs
        return self.document, mine or self.path

    def named(self, *keys: str | int) -> str | None:
        """Return the text at `keys`, or None where there is none."""
        found: Any = self.data
        for key in keys:
            inside = isinstance(found, dict) and key in found
            inside = inside or (isinstance(found, list) and isinstance(key, int) and key < len(found))
            if not inside:
                return None
            found = found[key]
        return found if isinstance(found, str) else None

    @property
    def points(self) -> list[Any]:
        """The points as they were written, if they are a list."""
        found = self.data.get("points") if isinstance(self.data, dict) else None
        return found if isinstance(found, list) else []
