"""What conversations share that are cut into messages: two sides, what is wrong with a message, and what is forgotten.

Who speaks such a protocol says what a message means; an answer may belong to a request that was not seen while `blind`.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, TypeAlias, TypeVar

from protocols.model import EventKind
from protocols.tap.ber import Malformed
from protocols.tap.dissector import Flow
from protocols.tap.messages import Messages, Shape
from protocols.tap.sightings import NS

KNOWN_MAX: Final = 1024
"""Different questions that are known in a conversation; a client that polls a whole station has some hundreds."""
BLIND_NS: Final = 10 * NS
"""For so long after a gap an answer may belong to a request that was not seen."""

Waits: TypeAlias = dict[int, tuple[int, str]]
"""Requests that wait for an answer, by their number: which service they ask for, and what they are about."""


@dataclass(slots=True, eq=False)
class Side:
    """One direction and its stream."""

    from_client: bool
    source: str
    target: str
    stream: Messages

    def gap(self) -> None:
        """Forget what was begun: bytes are missing."""
        self.stream.gap()


S = TypeVar("S", bound=Side)


class Talk(Generic[S]):
    """Looks at both directions of a connection.

    `SHAPE` is how a message begins, `GARBAGE` what is said of bytes that are none; `PROTOCOL` is its word, `NAME` how
    people write it.
    """

    SHAPE: ClassVar[Shape]
    GARBAGE: ClassVar[str]
    PROTOCOL: ClassVar[str]
    NAME: ClassVar[str]

    def __init__(self, flow: Flow, side: type[S]) -> None:
        self._flow = flow
        self._client = side(True, flow.client, flow.server, Messages(self.SHAPE, lost=not flow.sure))
        self._server = side(False, flow.server, flow.client, Messages(self.SHAPE, lost=not flow.sure))
        self._known: set[int] = set()
        self._time_ns = 0
        self._blind_ns: int | None = None if flow.sure else 0

    def data(self, *, from_client: bool, data: memoryview, time_ns: int) -> None:
        """Look at what one side sent: the next bytes of its stream, cut anywhere."""
        self._time_ns = time_ns
        if self._blind_ns == 0:
            self._blind_ns = time_ns + BLIND_NS
        side = self._client if from_client else self._server
        for message in side.stream.take(bytes(data)):
            try:
                if message is None:
                    raise Malformed(self.GARBAGE)  # noqa: TRY301 - one place notes what is malformed
                self._take(side, message)
            except Malformed as error:
                why = str(error)
                text = f"{self.NAME}: {why}"
                self._note(side, EventKind.MALFORMED, "", text, why, message or data, why=why, fatal=False)

    def lost(self, *, from_client: bool) -> None:
        """Bytes of that side were not captured."""
        (self._client if from_client else self._server).gap()
        self._blind_ns = self._time_ns + BLIND_NS

    def _take(self, side: S, message: bytes) -> None:
        """Look at a message, or at the beginning of a long one.

        Raises:
            Malformed: it cannot be read.
        """
        raise NotImplementedError

    @property
    def _blind(self) -> bool:
        return self._blind_ns is not None and self._time_ns <= self._blind_ns

    def _other(self, side: S) -> S:
        return self._server if side.from_client else self._client

    def _know(self, question: int) -> None:
        """Know a question from now on, by its hash."""
        if len(self._known) >= KNOWN_MAX:
            self._flow.notes.remembered.forgotten += len(self._known)
            self._known.clear()
        self._known.add(question)

    def _wait(self, waits: Waits, number: int, asked: tuple[int, str], most: int) -> None:
        """Let a request wait for its answer; of more than `most` the oldest is no longer waited for."""
        if len(waits) >= most and number not in waits:
            del waits[next(iter(waits))]
            self._flow.notes.remembered.forgotten += 1
        waits[number] = asked

    def _note(
        self,
        side: S,
        kind: EventKind,
        function: str,
        detail: str,
        about: object,
        raw: bytes | memoryview,
        **facts: Any,
    ) -> None:
        self._flow.notes.note(
            kind,
            self._time_ns,
            detail,
            source=side.source,
            target=side.target,
            port=self._flow.port,
            protocol=self.PROTOCOL,
            function=function,
            about=about,
            raw=raw,
            **facts,
        )

    def _security(self, side: S, what: str, value: str, raw: bytes, **facts: Any) -> None:
        self._note(side, EventKind.SECURITY, what, f"{what} {value}", value, raw, value=value, **facts)

    def _trace(self, function: str, side: S, protocol: str = "") -> None:
        if self._flow.trace is not None:
            self._flow.trace(protocol or self.PROTOCOL, function, side.from_client)
