"""A tap on one connection: what either side sends is shown to a dissector, what it says is kept."""

from protocols.model import EventKind
from protocols.sighting import Sighting
from protocols.tap.dissector import Conversation, Dissector, Flow
from protocols.tap.sightings import NS, Sightings

BEGIN_NS = 1_700_000_000 * NS
MASTER, OUTSTATION = "10.0.0.5", "10.0.0.11"


class Tap:
    """Connections of one protocol; `traced` has each message as protocol and function."""

    def __init__(self, dissector: Dissector, port: int) -> None:
        self.notes = Sightings("tap1")
        self.now_ns = BEGIN_NS
        self.traced: list[tuple[str, str]] = []
        self._dissector, self._port = dissector, port
        self.conversation: Conversation
        self.connects()

    def connects(self, *, client: str = MASTER, sure: bool = True, datagrams: bool = False) -> None:
        flow = Flow(client, OUTSTATION, self._port, self.notes, sure=sure, datagrams=datagrams)
        flow.trace = lambda protocol, function, _from_client: self.traced.append((protocol, function))
        self.conversation = self._dissector(flow)

    def asks(self, octets: bytes) -> None:
        self.conversation.data(from_client=True, data=memoryview(octets), time_ns=self.now_ns)

    def answers(self, octets: bytes) -> None:
        self.conversation.data(from_client=False, data=memoryview(octets), time_ns=self.now_ns)

    def waits(self, seconds: float) -> None:
        self.now_ns += int(seconds * NS)

    def says(self) -> list[Sighting]:
        """Everything since it was asked last, in the order in which it came first."""
        self.waits(1)
        return [event for event in self.notes.take(self.now_ns) if isinstance(event, Sighting)]

    def told(self) -> list[tuple[EventKind, str]]:
        """Everything since it was asked last, as kind and function."""
        return [(event.kind, event.function) for event in self.says()]

    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.says()]
