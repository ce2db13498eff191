"""A conversation that a tap sees: what either side says is shown to its dissector, and what that has to say is read."""

from types import SimpleNamespace

from protocols.model import EventKind
from protocols.tap.dissector import Dissector, Flow
from protocols.tap.sightings import NS, Sightings

BEGIN_NS = 1_700_000_000 * NS


class Tapped:
    """One of 10.0.0.5 with 10.0.0.11; `traced` has each message, as function and whether the client sent it."""

    def __init__(self, dissector: Dissector, port: int, *, sure: bool = True) -> None:
        self.notes = Sightings("tap1")
        self.traced: list[tuple[str, bool]] = []
        trace = lambda _protocol, function, client: self.traced.append((function, client))  # noqa: E731
        self.conversation = dissector(Flow("10.0.0.5", "10.0.0.11", port, self.notes, sure=sure, trace=trace))
        self.now_ns = BEGIN_NS

    def client(self, *parts: bytes) -> None:
        self.says(True, *parts)

    def server(self, *parts: bytes) -> None:
        self.says(False, *parts)

    def says(self, from_client: bool, *parts: bytes) -> None:  # noqa: FBT001 - a test's word
        for part in parts:
            self.now_ns += NS // 1000
            self.conversation.data(from_client=from_client, data=memoryview(part), time_ns=self.now_ns)

    @property
    def read(self) -> list[str]:
        return [function for function, _ in self.traced]

    def told(self) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(kind=event.kind, function=event.function, **event.facts, event=event)
            for event in self.notes.take(self.now_ns)
        ]

    def security(self) -> list[tuple[str, str]]:
        return [(one.function, one.value) for one in self.told() if one.kind is EventKind.SECURITY]
