"""The JSON format: a topic a stream and device, a retained birth and status, commands with their replies."""

from collections.abc import Sequence

from gateway.config.model import Identity
from gateway.store.record import Gap, Stream
from gateway.uplink import payload
from gateway.uplink.desk import Desk
from gateway.uplink.format import Sources
from gateway.uplink.message import Incoming, Outgoing
from gateway.uplink.schedule import Due


class JsonFormat:
    """Version 1 of docs/mqtt.md. Everything is acknowledged, so a row leaves the store with its PUBACK."""

    qos = 1
    hold_s = 0.0
    with_will = False
    rest_s = float("inf")
    ready = True
    watched: Sequence[str] = ()

    def __init__(self, identity: Identity, sources: Sources) -> None:
        self._prefix = f"gridsentinel/{identity.site}/{identity.name}"
        self.commanded: Sequence[str] = (f"{self._prefix}/command",)
        self._sources = sources
        self._desk = Desk(sources, self._rebirth)
        self._birth_due = self._status_due = False

    def rewound(self) -> bool:
        """Return False: what was acknowledged was not missed."""
        return False

    async def prepare(self) -> None:
        """There is nothing to prepare."""

    def will(self) -> Outgoing:
        """Return the word of the broker for a gateway that went silent."""
        return self._offline("lost")

    def farewell(self) -> Outgoing:
        """Return the gateway's own last word."""
        return self._offline("stopped")

    def begin(self) -> None:
        """Birth and status come first. What was asked over the connection before is asked again."""
        self._desk.clear()
        self._rebirth()

    def received(self, message: Incoming) -> None:
        """Keep a command for its answer; one that was retained would act again on each connection."""
        if not message.retain:
            self._desk.put(message.payload)

    def birth_now(self) -> None:
        """Let the birth be next."""
        self._birth_due = True

    def status_now(self) -> None:
        """Let the status be next."""
        self._status_due = True

    async def own(self) -> Outgoing | None:
        """Return birth, status or reply, in this order."""
        message = None
        if self._birth_due:
            self._birth_due = False
            body = payload.to_json({"v": payload.VERSION, **self._sources.birth()})
            message = self._outgoing("birth", body, retain=True)
        elif self._status_due:
            self._status_due = False
            online = {"v": payload.VERSION, "online": True, **self._sources.status()}
            message = self._outgoing("status", payload.to_json(online), retain=True)
        elif reply := await self._desk.answer():
            message = self._outgoing("reply", payload.to_json({"v": payload.VERSION, **reply}))
        return message

    def row(self, due: Due) -> Sequence[Outgoing]:
        """Return the one message of a row."""
        stream, device = due.row.record.stream, due.row.record.device
        body = payload.encode(due.row, historical=due.historical)
        return (self._outgoing("alarm" if stream is Stream.ALARM else f"{stream}/{device}", body),)

    def gap(self, hole: Gap) -> Outgoing:
        """Return the record of a hole."""
        return self._outgoing("gap", payload.gap(hole))

    def stamp(self, message: Outgoing) -> Outgoing:
        """Return it unchanged: it has its number since it was stored."""
        return message

    def _rebirth(self) -> None:
        self.birth_now()
        self.status_now()

    def _offline(self, reason: str) -> Outgoing:
        body = payload.to_json({"v": payload.VERSION, "online": False, "reason": reason})
        return self._outgoing("status", body, retain=True)

    def _outgoing(self, topic: str, body: bytes, *, retain: bool = False) -> Outgoing:
        return Outgoing(f"{self._prefix}/{topic}", body, retain)
