"""How long a line is taken by the polls of an outstation: frames of DNP3 by their octets.

What an integrity poll brings is counted with 32 bits and a flag for each number, which most outstations send; of event
polls the empty answer, and beside it what they bring while every value moves.
"""

from collections import Counter
from collections.abc import Iterator

from protocols.demand import MOVES_S, Demand
from protocols.dnp3.config import SERIAL, Dnp3Device, serial_line
from protocols.dnp3.requests import EVENTS, INTEGRITY

OCTETS = {"bool": 1, "dbpos": 1, "uint32": 5, "float64": 5, "octets": 16}
"""Of one point in a response."""
EVENT_OCTETS = 8
"""What an event has more: its index of 16 bits, and its time."""
RESPONSE_HEAD, OBJECT_HEAD = 4, 7
"""Application header with its indications; group, variation, qualifier and a range of 16 bits (IEEE 1815-2012, 4.2)."""
FRAGMENT, SEGMENT, BLOCK = 2048, 249, 16
"""Most octets of a response, of a segment in one frame, and those that share a check (clauses 4.1.3, 8.2, 9.2.4)."""
LINK_HEAD, CHECK, CONFIRM = 10, 2, 2
"""Octets of a link header with its check, of a check, of the fragment that confirms."""


def demands(device: Dnp3Device) -> Iterator[Demand]:
    """Yield the integrity poll and the event poll of `device`."""
    held = Counter(OCTETS[point.kind] for point in device.points)
    everything = sum(octets * count + OBJECT_HEAD for octets, count in held.items())
    yield _demand(device, device.integrity_every_s, len(INTEGRITY.fragment(0)), everything)
    yield _demand(device, device.events_every_s, len(EVENTS.fragment(0)), 0)
    moved = max(1.0, device.events_every_s / MOVES_S)
    events = round(moved * sum((octets + EVENT_OCTETS) * count + OBJECT_HEAD for octets, count in held.items()))
    yield _moving(device, events)


def framed(octets: int) -> int:
    """Return how many octets a fragment of `octets` takes on the line: segments, link headers and checks."""
    full, rest = divmod(octets, SEGMENT)
    return sum(LINK_HEAD + 1 + each + CHECK * -(-(each + 1) // BLOCK) for each in (*[SEGMENT] * full, rest) if each)


def _moving(device: Dnp3Device, events: int) -> Demand:
    """What an event poll brings more than nothing: its events, and the confirm of each fragment."""
    full, rest = divmod(events, FRAGMENT - RESPONSE_HEAD)
    received = full * framed(FRAGMENT) + framed(RESPONSE_HEAD + rest) - framed(RESPONSE_HEAD)
    return Demand(
        device=device.name,
        every_s=max(device.events_every_s, MOVES_S),
        requests=0,
        sent_bytes=(full + bool(rest)) * framed(CONFIRM),
        received_bytes=received,
        moving=True,
    )


def _demand(device: Dnp3Device, every_s: float, asked: int, objects: int) -> Demand:
    """One round trip a fragment: each but the last is confirmed."""
    fragments = max(1, -(-objects // (FRAGMENT - RESPONSE_HEAD)))
    confirms = (fragments - 1) * framed(CONFIRM)
    sent = framed(asked) + confirms
    received = (fragments - 1) * framed(FRAGMENT) + framed(
        RESPONSE_HEAD + objects - (fragments - 1) * (FRAGMENT - RESPONSE_HEAD)
    )
    char_s = serial_line(device.url).char_s if device.url.startswith(f"{SERIAL}:") else 0.0
    return Demand(
        device=device.name,
        every_s=every_s,
        requests=fragments,
        sent_bytes=sent,
        received_bytes=received,
        line_s=(sent + received) * char_s,
    )
