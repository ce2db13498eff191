"""One section, device or detector before it is checked: its values, and where they stand."""

from dataclasses import dataclass
from typing import Any

from gateway.config.document import Document
from gateway.config.fault import Fault
from protocols.settings import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """Values at `path` of a file."""

    document: Document
    path: Path
    data: Any

    def fault(self, path: Path, text: str, *, at_key: bool = False) -> Fault:
        """Make a fault at `path` below this entry."""
        return self.document.fault((*self.path, *path), text, at_key=at_key)

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
