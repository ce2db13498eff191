"""The kernel's filter: what it lets through, told by a machine of its own that runs the same instructions."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.tap.capture.bpf import INSTRUCTION, MOST_BROKERS, MOST_HOSTS, MOST_PORTS, WHOLE, program

US, BROKER, PLC, HMI = "10.0.0.2", "10.0.9.9", "10.0.0.11", "10.0.0.5"
WATCHED = (102, 502, 20000)
TAGS = {0: b"", 1: bytes.fromhex("8100 002a"), 2: bytes.fromhex("88a8 0007 8100 002a")}


def run(filtered, frame, packet_type=0):  # noqa: C901, PLR0912 - a branch for each instruction
    """Return what the program says of a frame: how many bytes are kept."""
    said = [INSTRUCTION.unpack_from(filtered, at) for at in range(0, len(filtered), INSTRUCTION.size)]
    a = x = at = 0
    while True:
        code, yes, no, k = said[at]
        at += 1
        if code & 7 == 0:
            size = {0x00: 4, 0x08: 2, 0x10: 1}[code & 0x18]
            if k >= 0xFFFFF000:
                a = packet_type
                continue
            place = k + (x if code & 0xE0 == 0x40 else 0)
            if place + size > len(frame):
                return 0
            a = int.from_bytes(frame[place : place + size], "big")
        elif code == 0x01:
            x = k
        elif code == 0x07:
            x = a
        elif code == 0x0C:
            a += x
        elif code == 0x64:
            a <<= k
        elif code == 0x54:
            a &= k
        elif code == 0x05:
            at += k
        elif code == 0x15:
            at += yes if a == k else no
        elif code == 0x45:
            at += yes if a & k else no
        else:
            assert code == 0x06
            return k


def ethernet(kind, payload=bytes(46), tags=0):
    return bytes(12) + TAGS[tags] + kind.to_bytes(2, "big") + payload


def ipv4(source, target, ports=(1024, 1024), *, protocol=6, fragment=0, options=0, tags=0):
    head = bytes([0x45 + options, 0, 0, 60, 0, 0]) + fragment.to_bytes(2, "big") + bytes([64, protocol, 0, 0])
    addresses = IPv4Address(source).packed + IPv4Address(target).packed
    body = b"".join(port.to_bytes(2, "big") for port in ports) + bytes(20)
    return ethernet(0x0800, head + addresses + bytes(4 * options) + body, tags)


@pytest.mark.parametrize("tags", TAGS)
@pytest.mark.parametrize(
    ("kind", "kept"), [(0x88BA, 0), (0x88F7, 0), (0x88B8, WHOLE), (0x0806, WHOLE), (0x88CC, WHOLE)]
)
def test_sampled_values_and_ptp_are_dropped(tags, kind, kept):
    """With no tag in the frame, one, or two; GOOSE, ARP and LLDP are kept."""
    assert run(program(), ethernet(kind, tags=tags)) == kept


@pytest.mark.parametrize("tags", TAGS)
@pytest.mark.parametrize("options", [0, 3])
@pytest.mark.parametrize(
    ("ends", "kept"),
    [
        ((US, BROKER, (40000, 1883)), 0),
        ((BROKER, US, (1883, 40000)), 0),
        ((US, BROKER, (1883, 40000)), WHOLE),  # the port is the other side's
        ((BROKER, US, (40000, 1883)), WHOLE),
        ((BROKER, PLC, (1883, 502)), WHOLE),  # somebody forges the broker
        ((PLC, BROKER, (502, 1883)), WHOLE),
        ((HMI, PLC, (40000, 502)), WHOLE),
        ((US, BROKER, (40000, 22)), WHOLE),
    ],
)
def test_the_conversation_with_the_broker_is_dropped_and_nothing_else(tags, options, ends, kept):
    """Either direction, with and without IP options; never what touches a watched port."""
    source, target, ports = ends

    assert (
        run(program(brokers=[(BROKER, 1883)], ports=WATCHED), ipv4(source, target, ports, tags=tags, options=options))
        == kept
    )


def test_what_is_no_tcp_of_the_broker_is_kept():
    """Other protocols, and later fragments, which have no ports."""
    made = program(brokers=[(BROKER, 1883)], ports=WATCHED)

    assert run(made, ipv4(US, BROKER, (40000, 1883), protocol=17)) == WHOLE
    assert run(made, ipv4(US, BROKER, (40000, 1883), fragment=100)) == WHOLE


@pytest.mark.parametrize("tags", TAGS)
def test_only_the_hosts_that_are_wanted(tags):
    """Of IPv4, what one of them sends or gets; what is no IPv4 is kept."""
    made = program(hosts=[PLC, HMI])

    assert run(made, ipv4(PLC, US, tags=tags)) == WHOLE
    assert run(made, ipv4(US, HMI, tags=tags)) == WHOLE
    assert run(made, ipv4(US, BROKER, tags=tags)) == 0
    assert run(made, ethernet(0x0806, tags=tags)) == WHOLE
    assert run(made, ethernet(0x86DD, tags=tags)) == WHOLE


def test_the_loopback_gives_each_frame_once():
    """There each frame leaves and arrives; elsewhere what leaves is wanted."""
    frame = ipv4(US, HMI)

    assert run(program(loopback=True), frame, packet_type=4) == 0
    assert run(program(loopback=True), frame, packet_type=0) == WHOLE
    assert run(program(), frame, packet_type=4) == WHOLE


@given(frame=st.binary(max_size=80))
def test_the_largest_program_ends_on_any_frame(frame):
    """At its bounds no jump is too far, and every frame gets an answer."""
    made = program(
        loopback=True,
        hosts=[f"10.1.0.{n}" for n in range(MOST_HOSTS + 9)],
        brokers=[(f"10.2.0.{n}", 1883 + n) for n in range(MOST_BROKERS + 9)],
        ports=range(MOST_PORTS + 9),
    )

    assert len(made) // INSTRUCTION.size < 4096  # BPF_MAXINSNS
    assert run(made, frame) in (0, WHOLE)
