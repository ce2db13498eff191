"""The attacks on DNP3 and IEC 104 stations: each reaches its target over TCP, and is noticed as what it is."""

import asyncio

import pytest

from protocols.tap.dnp3.conversation import Dnp3Conversation
from protocols.tap.iec104.conversation import Iec104Conversation
from simulator.attacks import dnp3, iec104
from simulator.attacks.attack import Field
from simulator.attacks.dnp3frame import frames, response
from tests.protocols.tap.listening import Tap
from tests.support.sightings import ATTACKER, Bench

DNP3, IEC104 = 20000, 2404
ALL = (*dnp3.ATTACKS, *iec104.ATTACKS)
NOBODY_MAY = {"orphan_response", "unexpected_unsolicited", "malformed"}
MAY = [kind for kind in ALL if not NOBODY_MAY & set(kind.CHECKS)]
"""What an engineer does too."""


def tap(attack: dnp3.Dnp3Attack | iec104.Iec104Attack) -> Tap:
    found = Tap(*((Dnp3Conversation, DNP3) if isinstance(attack, dnp3.Dnp3Attack) else (Iec104Conversation, IEC104)))
    found.connects(client=ATTACKER)
    return found


@pytest.mark.parametrize("kind", ALL, ids=[kind.NAME for kind in ALL])
def test_each_attack_is_noticed(kind: type[dnp3.Dnp3Attack | iec104.Iec104Attack]):
    """After all that is normal was learned, every check that an attack names says so, and names the attacker."""
    attack, bench = kind(), Bench()
    bench.learned()
    listener = tap(attack)
    for number, message in enumerate(attack.messages(), 1):
        listener.asks(message)
        if kind is dnp3.Dnp3FunctionScan:  # an outstation does not know most of them (IIN 2.0)
            answer = response(sequence=number, iin=0x0100)
            listener.answers(frames(answer, to=attack.master, from_=attack.outstation, master=False))
        bench.sees(*listener.says())
        bench.wait(1)
    raised = {name.rpartition("/")[2] for name in bench.warnings if ATTACKER in name}

    assert raised >= set(kind.CHECKS)


@pytest.mark.parametrize("kind", MAY, ids=[kind.NAME for kind in MAY])
def test_the_same_from_an_allowed_engineer_in_a_window_is_no_warning(
    kind: type[dnp3.Dnp3Attack | iec104.Iec104Attack],
):
    """Commands of an engineering host to which rules allow them, in a maintenance window, warn nobody."""
    actions = ("write", "control", "select", "freeze", "time", "critical", "file", "config", "session", "read")
    always = ("2020-01-01", "2040-01-01")
    allow = [{"source": ATTACKER, "actions": list(actions)}]
    attack, bench = kind(), Bench(engineering=[ATTACKER], allow=allow, maintenance=[always])
    bench.learned()
    listener = tap(attack)
    for message in attack.messages():
        listener.asks(message)
        bench.sees(*listener.says())
        bench.wait(1)

    assert bench.warnings == []


@pytest.mark.parametrize("kind", [dnp3.Dnp3DirectOperate, dnp3.Dnp3ColdRestart, iec104.Iec104Switch])
async def test_an_attack_goes_over_tcp(kind: type[dnp3.Dnp3Attack | iec104.Iec104Attack]):
    """What an attack yields arrives at its target, whole and in order, and then it hangs up."""
    received = bytearray()
    over = asyncio.Event()

    async def station(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while octets := await reader.read(4096):
            received.extend(octets)
            writer.write(b"\x05\x64")
        writer.close()
        over.set()

    server = await asyncio.start_server(station, "127.0.0.1", 0)
    async with server:
        await kind().run(Field({kind.WAY: server.sockets[0].getsockname()[:2]}))
        await asyncio.wait_for(over.wait(), 30)

    assert bytes(received) == b"".join(kind().messages())
