"""A file once read: plain values, and where each of them stands.

The positions of a container's children lie in one flat array: two numbers a child (its key and its value; an entry of
a list has its value twice), in the order of the container. 10,000 points with every key have 230,000 children: 3.7 MB.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gateway.config.fault import Fault, dotted
from protocols.settings import Path

Mark = int
"""Line and column, both from 0, as `line << SHIFT | column`; a file of 8 MiB has neither beyond 2**24."""

SHIFT = 24


class Marks:
    """Positions of the children of every container, found by the container's identity."""

    def __init__(self) -> None:
        self._flat = array("Q")
        self._starts: dict[int, int] = {}
        self._numbered: dict[int, dict[str | int, int]] = {}

    def add(self, container: dict[str, Any] | list[Any], marks: Iterable[Mark]) -> None:
        """Keep the positions of key and value of each child in turn. The container must outlive this object."""
        self._starts[id(container)] = len(self._flat)
        self._flat.extend(marks)

    def child(self, container: dict[str, Any] | list[Any], index: int) -> tuple[Mark, Mark]:
        """Return the positions of key and value of the child number `index`."""
        at = self._starts[id(container)] + 2 * index
        return self._flat[at], self._flat[at + 1]

    def index(self, container: Any, step: str | int) -> int | None:
        """Return which child `step` names, or None; keys are numbered when first asked for."""
        if isinstance(container, list):
            return step if isinstance(step, int) and 0 <= step < len(container) else None
        if not isinstance(container, dict):
            return None
        if id(container) not in self._numbered:
            self._numbered[id(container)] = {key: index for index, key in enumerate(container)}
        return self._numbered[id(container)].get(step)


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its name for people, its values, and what was wrong with its YAML."""

    file: str
    data: Any
    root: Mark = 0
    marks: Marks = field(default_factory=Marks)
    faults: tuple[Fault, ...] = ()

    def fault(self, path: Path, text: str, *, at_key: bool = False) -> Fault:
        """Make a fault at the value of `path`, at its key, or at the last parent that exists."""
        mark = self._find(path, at_key=at_key)
        return fault_at(self.file, mark, path, text)

    def line(self, path: Path) -> int:
        """Return the line of the value of `path`, from 1."""
        return (self._find(path) >> SHIFT) + 1

    def has(self, path: Path) -> bool:
        """Return whether there is a value at `path`."""
        node = self.data
        for step in path:
            if self.marks.index(node, step) is None:
                return False
            node = node[step]
        return True

    def _find(self, path: Path, *, at_key: bool = False) -> Mark:
        node, mark, key_mark = self.data, self.root, self.root
        for step in path:
            index = self.marks.index(node, step)
            if index is None:
                return mark
            key_mark, mark = self.marks.child(node, index)
            node = node[step]
        return key_mark if at_key else mark


def fault_at(file: str, mark: Mark, path: Path, text: str) -> Fault:
    """Make a fault of what stands at `mark`."""
    return Fault(file, (mark >> SHIFT) + 1, (mark & (1 << SHIFT) - 1) + 1, dotted(path), text)
