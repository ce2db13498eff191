"""From the bytes of a YAML file to plain values with positions, within fixed bounds.

Only what a configuration needs: one document, texts, numbers, true and false, lists and mappings; anchors, aliases and
`<<` within bounds; no tags. A repeated key is a fault, because the parser would silently take one of the two.
"""

import codecs
import re
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, NoReturn

import yaml

from gateway.config.document import SHIFT, Document, Mark, Marks, fault_at
from gateway.config.fault import ConfigError, Fault
from gateway.config.scalar import resolve, shared
from gateway.config.syntax import plain_words

MAX_NODES = 2_000_000
"""Most values once all aliases are written out, 4 times what 10,000 full points need: stops `billion laughs`."""

TEXT_NODE = 64
"""So many characters of one text count as a further node, so that a long text cannot be multiplied either."""

MAX_DEPTH = 32
"""Deepest nesting; the configuration itself needs 6."""

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ILLEGAL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What may not stand in a YAML file: clause 5.1 of YAML 1.2."""


def read(file: str, content: bytes) -> Document:
    """Read one file.

    Raises:
        ConfigError: it is no YAML, or beyond a bound. Repeated keys and tags are in `Document.faults` instead.
    """
    text = _text(file, content)
    try:
        return _Composer(file).document(yaml.parse(text, Loader=LOADER))
    except yaml.MarkedYAMLError as error:
        raise ConfigError((_syntax(file, text, error),)) from None


def _text(file: str, content: bytes) -> str:
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        mark = _mark_of(content[: error.start].decode())
        text = f"byte 0x{content[error.start]:02x} is not UTF-8: save the file as UTF-8"
        raise ConfigError((fault_at(file, mark, (), text),)) from None
    illegal = ILLEGAL.search(text)
    if illegal is not None:
        mark = _mark_of(text[: illegal.start()])
        raise ConfigError((fault_at(file, mark, (), f"control character U+{ord(illegal[0]):04X} is not allowed"),))
    return text


def _mark_of(before: str) -> Mark:
    """Return the position just after `before`."""
    return before.count("\n") << SHIFT | (len(before) - before.rfind("\n") - 1)


def _syntax(file: str, text: str, error: yaml.MarkedYAMLError) -> Fault:
    problem, mark = error.problem or "", error.problem_mark or error.context_mark
    if "end of stream" in problem and error.context_mark is not None:
        mark = error.context_mark
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    lines = text.split("\n")
    found = lines[line] if line < len(lines) else ""
    began = error.context_mark.line + 1 if error.context_mark is not None else line + 1
    words = plain_words(problem, before=found[:column], character=found[column : column + 1], began=began)
    return fault_at(file, line << SHIFT | column, (), words)


@dataclass(slots=True)
class _Anchored:
    """A value with a name: `nodes` and `height` once all its aliases are written out; `done` when it is complete."""

    value: Any = None
    nodes: int = 0
    height: int = 0
    done: bool = False


class _Composer:
    """Builds the values of one file from the events of its parser."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._events: Iterator[Any] = iter(())
        self._marks = Marks()
        self._faults: list[Fault] = []
        self._anchors: dict[str, _Anchored] = {}
        self._path: list[str | int] = []
        self._nodes = 0
        self._deepest = 0

    def document(self, events: Iterator[Any]) -> Document:
        """Read the only document."""
        self._events = events
        next(events)
        if isinstance(next(events), yaml.StreamEndEvent):
            self._stop(0, "the file is empty")
        first = next(events)
        data = self._node(first, 0)
        next(events)
        after = next(events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._stop(_mark(after), "a second document begins here; one document a file is allowed: remove the '---'")
        return Document(self._file, data, _mark(first), self._marks, tuple(self._faults))

    def _node(self, event: Any, depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        if event.tag is not None:
            self._fault(
                _mark(event),
                f"tag {event.tag.replace('tag:yaml.org,2002:', '!!')} is not allowed: write the value without it",
            )
        return self._plain(event, depth) if event.anchor is None else self._anchor(event, depth)

    def _plain(self, event: Any, depth: int) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            self._count(event, 1 + len(event.value) // TEXT_NODE, depth)
            return shared(event.value) if event.style else resolve(event.value)
        self._count(event, 1, depth + 1)
        return self._list(depth + 1) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(depth + 1)

    def _count(self, event: Any, nodes: int, depth: int) -> None:
        self._nodes += nodes
        self._deepest = max(self._deepest, depth)
        if self._nodes > MAX_NODES:
            self._stop(_mark(event), f"more than {MAX_NODES} values once all aliases are written out")
        if depth > MAX_DEPTH:
            self._stop(_mark(event), f"nesting of {depth} levels is over {MAX_DEPTH}")

    def _anchor(self, event: Any, depth: int) -> Any:
        kept = self._anchors[event.anchor] = _Anchored()
        nodes, deepest, self._deepest = self._nodes, self._deepest, depth
        kept.value = self._plain(event, depth)
        kept.nodes, kept.height, kept.done = self._nodes - nodes, self._deepest - depth, True
        self._deepest = max(self._deepest, deepest)
        return kept.value

    def _alias(self, event: Any, depth: int) -> Any:
        kept = self._anchors.get(event.anchor)
        if kept is None:
            self._stop(_mark(event), f"alias *{event.anchor} has no anchor &{event.anchor} above it")
        if not kept.done:
            self._stop(_mark(event), f"alias *{event.anchor} stands within its own anchor")
        self._count(event, kept.nodes, depth + kept.height)
        return kept.value

    def _list(self, depth: int) -> list[Any]:
        found: list[Any] = []
        marks = array("Q")
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            self._path.append(len(found))
            found.append(self._node(event, depth))
            self._path.pop()
            marks.extend((_mark(event),) * 2)
        self._marks.add(found, marks)
        return found

    def _mapping(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        marks: dict[str, tuple[Mark, Mark]] = {}
        merged: list[tuple[Any, Mark]] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, depth)
            self._path.append(key)
            value_event = next(self._events)
            value = self._node(value_event, depth)
            if key in marks:
                self._fault(_mark(event), f"this key stands twice; the first is in line {(marks[key][0] >> SHIFT) + 1}")
            else:
                marks[key] = _mark(event), _mark(value_event)
                if key == "<<" and not event.style:
                    merged.append((value, _mark(value_event)))
                else:
                    found[key] = value
            self._path.pop()
        for value, mark in merged:
            self._merge(found, marks, value, mark)
        self._marks.add(found, chain.from_iterable(marks[key] for key in found))
        return found

    def _key(self, event: Any, depth: int) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self._stop(_mark(event), "a key must be a word; a text that starts with [, {, * or ? needs quotes")
        if event.tag is not None or event.anchor is not None:
            self._fault(_mark(event), "a key with a tag or an anchor is not allowed")
        self._count(event, 1 + len(event.value) // TEXT_NODE, depth)
        return sys.intern(event.value)

    def _merge(self, found: dict[str, Any], marks: dict[str, tuple[Mark, Mark]], value: Any, mark: Mark) -> None:
        """Fill `found` with what it lacks; in a list of mappings the earlier one wins."""
        for source in value if isinstance(value, list) else [value]:
            if not isinstance(source, dict):
                self._fault(mark, "<< takes a mapping or a list of mappings, as in <<: *name")
                return
            for index, (key, child) in enumerate(source.items()):
                if key not in found:
                    found[key] = child
                    marks[key] = self._marks.child(source, index)

    def _fault(self, mark: Mark, text: str) -> None:
        self._faults.append(fault_at(self._file, mark, tuple(self._path), text))

    def _stop(self, mark: Mark, text: str) -> NoReturn:
        """Nothing after this can be trusted, or is worth the memory."""
        self._fault(mark, text)
        raise ConfigError(tuple(self._faults))


def _mark(event: Any) -> Mark:
    mark = event.start_mark
    return int(mark.line) << SHIFT | int(mark.column)
