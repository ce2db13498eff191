"""Attacks on GOOSE, MMS and OPC UA are real: over sockets, against the simulated devices, and the tap tells each."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from protocols.model import EventKind
from protocols.tap.dissector import Flow
from protocols.tap.goose.publishers import Goose
from protocols.tap.mms.conversation import MmsConversation
from protocols.tap.opcua.conversation import OpcuaConversation
from protocols.tap.sightings import NS, Sightings
from simulator.attacks import goose, mms, opcua
from simulator.attacks.attack import LONGEST_S, Field
from simulator.attacks.gooseframe import GooseFrame
from simulator.conduct import Conduct
from simulator.grid import Grid
from simulator.iec61850 import Iec61850Bay
from simulator.opcua import OpcuaStation

BEGIN_NS = 1_700_000_000 * NS
ATTACKER, SERVER = "10.0.0.66", "10.0.0.11"


class Relay:
    """Stands between an attacker and a server, and shows the tap what goes by."""

    def __init__(self, conversation, target: int) -> None:
        self.notes = Sightings("tap1")
        self.port = 0
        self.now_ns = BEGIN_NS
        self._make, self._target = conversation, target
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, reader, writer) -> None:
        flow = Flow(ATTACKER, SERVER, self._target, self.notes, sure=True)
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        conversation = self._make(flow)
        self._tasks.add(asyncio.current_task())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, back, conversation, from_client=True))
                group.create_task(self._pump(there, writer, conversation, from_client=False))
        except* OSError:
            pass

    async def _pump(self, reader, writer, conversation, *, from_client: bool) -> None:
        while data := await reader.read(65536):
            conversation.data(from_client=from_client, data=memoryview(data), time_ns=self.now_ns)
            writer.write(data)
        writer.close()

    def told(self, kind: EventKind) -> list[tuple[str, str]]:
        return [
            (event.facts.get("action", event.function), event.source) for event in self.told_all if event.kind is kind
        ]

    @property
    def told_all(self):
        self._kept = [*getattr(self, "_kept", []), *self.notes.take(self.now_ns)]
        return self._kept


@asynccontextmanager
async def tapped(conversation, device) -> AsyncIterator[Relay]:
    """Start a device and a relay in front of it."""
    await device.start()
    relay = Relay(conversation, device.port)
    server = await asyncio.start_server(relay.accept, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        await device.stop()


@pytest.mark.parametrize(
    ("attack", "actions"),
    [
        (mms.MmsControl, [("control", ATTACKER), ("write", ATTACKER)]),
        (mms.MmsFileDelete, [("file", ATTACKER)]),
        (mms.MmsStop, [("critical", ATTACKER), ("critical", ATTACKER)]),
        (mms.MmsBrowse, []),
    ],
)
async def test_attacks_over_mms_are_told(attack, actions):
    """The simulated IED takes the stranger's association, and what it is asked is told before it answers."""
    bay = Iec61850Bay("feeder1", Grid(), Conduct(), host="127.0.0.1", port=0)
    async with tapped(MmsConversation, bay) as relay:
        made = attack()
        await made.run(Field({attack.WAY: ("127.0.0.1", relay.port)}))

        assert made.answered == len(list(attack().services()))
        assert relay.told(EventKind.COMMAND) == actions
        assert bool(relay.told(EventKind.QUERY)) is (attack is mms.MmsBrowse)
        assert relay.told(EventKind.MALFORMED) == []


async def test_attacks_over_opcua_are_told():
    """The simulated server refuses, and writing, calling and guessing are told."""
    station = OpcuaStation(Grid(), Conduct(), host="127.0.0.1", port=0)
    async with tapped(OpcuaConversation, station) as relay:
        on = Field({"opcua": ("127.0.0.1", relay.port)})
        for attack in (opcua.OpcuaWrite(), opcua.OpcuaCall()):
            await attack.run(on)
            assert attack.answered == 1
        commands = [action for action, _ in relay.told(EventKind.COMMAND) if action != "session"]

        assert commands == ["write", "control"]
        guess = opcua.OpcuaGuess()
        await guess.run(on)
        assert guess.answered == len(opcua.GUESSES)
        relay.now_ns += 2 * NS
        refused = [event for event in relay.told_all if event.function == "login"]

        assert sum(event.count for event in refused) == len(opcua.GUESSES)
        assert {event.facts["user"] for event in refused} == {"user operator"}
        assert relay.told(EventKind.MALFORMED) == []


class Sent:
    """An attacker's interface whose frames are heard at once."""

    mac = goose.STRANGER

    def __init__(self, hears) -> None:
        self.send = hears

    async def hear(self) -> bytes:
        raise AssertionError


@pytest.mark.parametrize(
    ("attack", "function"),
    [
        (goose.GooseReplay, "st_back"),
        (goose.GooseStJump, "st_jump"),
        (goose.GooseNewSource, "new_source"),
        (goose.GooseSimulation, "simulation"),
        (goose.GooseFlood, "st_jump"),
    ],
)
async def test_attacks_on_goose_are_told(attack, function):
    """Whatever is sent between the frames of a publisher is told by the word that its check asks for."""
    notes, now_ns = Sightings("tap1"), BEGIN_NS
    tap = Goose(notes)

    def hears(frame: bytes) -> None:
        nonlocal now_ns
        now_ns += NS // 100
        tap.frame(source=frame[6:12], target=frame[:6], payload=memoryview(frame)[14:], time_ns=now_ns)

    victim = GooseFrame(t_ns=BEGIN_NS, st=7)
    for sq in range(3):
        hears(replace(victim, sq=sq).frame())
    assert [event.function for event in notes.take(now_ns)] == ["new"]
    made = attack(count=5, pause_s=0)
    await made.run(Field(wire=Sent(hears), victim=lambda: replace(victim, sq=2), clock=lambda: now_ns))

    assert function in {event.function for event in notes.take(now_ns)}


def test_attacks_are_bounded():
    """No attack on GOOSE is longer than its bounds, however much is asked for."""
    slow = goose.GooseReplay(count=10**9, pause_s=1.0)
    fast = goose.GooseFlood(count=10**9, pause_s=0.0)

    assert sum(1 for _ in slow.bounded(GooseFrame(), BEGIN_NS)) == LONGEST_S
    assert sum(1 for _ in fast.bounded(GooseFrame(), BEGIN_NS)) == goose.FRAMES_MAX
