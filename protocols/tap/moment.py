"""Who speaks now in a conversation, and when: from here what is notable goes to the notes of the tap."""

from typing import Any, Final

from protocols.model import EventKind
from protocols.tap.dissector import Flow
from protocols.tap.sightings import NS, Seen

DOUBT_NS: Final = 10 * NS
"""An answer without its request is nothing notable so long after a loss, or after a start in the middle."""
_SOON: Final = -1


class Moment:
    """What the parts of one conversation share. `from_client` and `time_ns` are of the bytes that are looked at."""

    __slots__ = ("_certain_ns", "_protocol", "flow", "from_client", "time_ns")

    def __init__(self, flow: Flow, protocol: str) -> None:
        self.flow = flow
        self.from_client, self.time_ns = True, 0
        self._protocol = protocol
        self._certain_ns = 0 if flow.sure else _SOON

    @property
    def certain(self) -> bool:
        """Whether what was not seen was not said: the conversation was captured whole for a while."""
        return 0 <= self._certain_ns <= self.time_ns

    def set(self, *, from_client: bool, time_ns: int) -> None:
        """Bytes have come."""
        self.from_client, self.time_ns = from_client, time_ns
        if self._certain_ns == _SOON:
            self._certain_ns = time_ns + DOUBT_NS

    def lost(self) -> None:
        """Bytes were not captured."""
        self._certain_ns = _SOON

    def note(
        self,
        kind: EventKind,
        text: str,
        function: str = "",
        *,
        about: object = None,
        raw: bytes | memoryview = b"",
        **facts: Any,
    ) -> Seen | None:
        """Say what the one who speaks does to the other."""
        flow = self.flow
        client, server = flow.client, flow.server
        return flow.notes.note(
            kind,
            self.time_ns,
            text,
            source=client if self.from_client else server,
            target=server if self.from_client else client,
            port=flow.port,
            protocol=self._protocol,
            function=function,
            about=about,
            raw=raw,
            **facts,
        )

    def malformed(self, why: str, raw: bytes | memoryview, text: str, function: str = "", **facts: Any) -> None:
        """Say that a message is none."""
        self.note(EventKind.MALFORMED, f"{text}: {why}", function, about=why, raw=raw, why=why, fatal=False, **facts)
