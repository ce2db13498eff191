"""What is asked of an IED at the start of a conversation: types, members of data sets, attributes of blocks."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TypeVar

from open61850.data import IECData
from open61850.mms.pdu import ObjectName
from open61850.mms.types import MmsType, StructureType

from protocols.iec61850 import requests
from protocols.iec61850.codec import ACCESS_ERROR, Answer, Refusal, Span, results
from protocols.iec61850.layout import Member, Path, Tree, Wanted, leaves, members
from protocols.iec61850.session import Session
from protocols.iec61850.transport import Violation

T = TypeVar("T")

MOST_AT_ONCE = 20
"""Attributes in one request: their names take 1 KiB, which every server takes."""


class Questions:
    """Asks `session`, each request within `timeout_s`; a type is asked once."""

    def __init__(self, session: Session, timeout_s: float) -> None:
        self._session, self._timeout_s = session, timeout_s
        self._types: dict[Path, MmsType | None] = {}

    @property
    def max_pdu(self) -> int:
        """Largest message that was agreed, in bytes."""
        return self._session.max_pdu

    async def ask(self, request: bytes) -> Answer | Refusal:
        """Return what answers `request`.

        Raises:
            TimeoutError, LinkLost: as the session does.
        """
        return await self._session.ask(request, self._timeout_s)

    async def identity(self) -> str:
        """Return vendor, model and revision, or nothing; whatever the answer, there is somebody."""
        answer = await self.ask(requests.IDENTIFY)
        return requests.identity_of(answer) if isinstance(answer, Answer) else ""

    async def values(self, names: Sequence[ObjectName]) -> list[tuple[bytes, Span] | None]:
        """Return each of the named variables, None for what there is not."""
        found: list[tuple[bytes, Span] | None] = []
        for at in range(0, len(names), MOST_AT_ONCE):
            found += await self._values(names[at : at + MOST_AT_ONCE])
        return found

    async def write(self, name: ObjectName, value: IECData) -> int | None:
        """Set an attribute of a report control block; return the DataAccessError that refuses it, or None."""
        answer = await self.ask(requests.write(name, value))
        return -1 if isinstance(answer, Refusal) else requests.written(answer)

    async def directory(self, name: ObjectName) -> list[Path] | Refusal:
        """Return the members of a data set."""
        answer = await self.ask(requests.read_directory(name))
        return answer if isinstance(answer, Refusal) else requests.directory_of(answer)

    async def members(self, name: ObjectName, wanted: Sequence[Wanted]) -> list[Member] | Refusal:
        """Return where the `wanted` points stand in a data set, after learning the types of its members."""
        paths = await self.directory(name)
        if isinstance(paths, Refusal):
            return paths
        await self.learn(paths)
        return members([self.tree(path) or Tree(path, ()) for path in paths], wanted)  # no type: nobody's value

    async def learn(self, paths: Sequence[Path]) -> None:
        """Ask the types that `paths` need, each logical node and functional constraint once."""
        nodes = {path[:3] for path in paths} - self._types.keys()
        for path, kind in zip(nodes, await together([self._type(path) for path in nodes]), strict=True):
            self._types[path] = kind
        objects = {path[:4] for path in paths if self._types[path[:3]] is None and len(path) > 3} - self._types.keys()
        for path, kind in zip(objects, await together([self._type(path) for path in objects]), strict=True):
            self._types[path] = kind

    def tree(self, path: Path) -> Tree | None:
        """Return what stands at `path`, whose type was learned; None where nothing does."""
        kind = self._types.get(path[:3]) or self._types.get(path[:4])
        for name in path[3 if self._types.get(path[:3]) else 4 :]:
            kind = kind.component(name) if isinstance(kind, StructureType) else None
        return None if kind is None else Tree(path, leaves(kind))

    async def _type(self, path: Path) -> MmsType | None:
        answer = await self.ask(requests.read_type(requests.variable(path)))
        return None if isinstance(answer, Refusal) else requests.type_of(answer)

    async def _values(self, names: Sequence[ObjectName]) -> list[tuple[bytes, Span] | None]:
        answer = await self.ask(requests.read(names))
        if isinstance(answer, Refusal):
            if len(names) == 1:
                return [None]
            middle = len(names) // 2
            return [*await self._values(names[:middle]), *await self._values(names[middle:])]
        found = results(answer.content)
        if len(found) != len(names):
            raise Violation(f"{len(found)} values where {len(names)} were asked")
        return [None if span.tag == ACCESS_ERROR else (answer.content, span) for span in found]


async def together(asked: Sequence[Coroutine[None, None, T]]) -> list[T]:
    """Ask all at once and return the answers in order; with the first that fails the others are not asked any more."""
    tasks = [asyncio.ensure_future(each) for each in asked]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
