"""DNP3: what an outstation has, without taking anything from it.

Only static data is read (class 0, then each group by itself, as class 0 need not hold every point) and the attributes
of the device. Events stay where they are for the master that they belong to: none is asked for, and unsolicited ones
are not confirmed, so that they come again. An unsolicited response without any is, as answers wait for that.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from gateway import number
from gateway.decode import paste
from gateway.decode.options import Failed, Options, WrongUse, device, head
from protocols.dnp3.config import Dnp3Device
from protocols.dnp3.custody import Custody
from protocols.dnp3.decode import HEADER_OCTETS, UNSOLICITED_RESPONSE, Header, decode
from protocols.dnp3.driver import open_link
from protocols.dnp3.objects import STATIC_GROUP
from protocols.dnp3.requests import READ, Request, read_all
from protocols.dnp3.session import Session, Taken
from protocols.driver import LinkLost
from protocols.reason import reason

CLASS_0: Final = Request("class 0", READ, bytes([60, 1, 0x06]))
ATTRIBUTES: Final = Request("device attributes", READ, bytes([0, 254, 0x00, 0, 0]))
"""All attributes that the device has: IEEE 1815-2012, annex A.1."""
TITLES: Final = {
    252: "manufacturer", 250: "product", 248: "serial number", 247: "name", 246: "identification", 245: "location",
    243: "hardware", 242: "software", 249: "DNP3 subset",
}  # fmt: skip
INDICATIONS: Final = {
    0x0010: "it needs the time (IIN 1.4)",
    0x0020: "some outputs are in local (IIN 1.5)",
    0x0040: "device trouble (IIN 1.6)",
    0x0080: "it has restarted (IIN 1.7)",
    0x0800: "its event buffer overflowed (IIN 2.3)",
    0x2000: "its configuration is corrupt (IIN 2.5)",
}
_TEXT: Final = 1
"""Attribute data type VSTR, annex A.1."""


class _Found:
    """What came so far: the value and quality of each point by kind and index, attributes by variation."""

    def __init__(self) -> None:
        self.points: dict[tuple[str, int], tuple[float | str, int]] = {}
        self.attributes: dict[int, str] = {}
        self.unread: dict[str, None] = {}

    def take(self, header: Header, fragment: bytes) -> Taken:
        """Keep what a fragment holds; unsolicited events are left to the master that they are for."""
        if header.function == UNSOLICITED_RESPONSE:
            return Taken.REFUSED if len(fragment) > HEADER_OCTETS else Taken.WHOLE
        if len(fragment) > HEADER_OCTETS and fragment[HEADER_OCTETS] == 0:
            self.attributes.update(attributes(fragment[HEADER_OCTETS:]))
            return Taken.WHOLE
        content = decode(fragment)
        self.unread.update(dict.fromkeys((*content.refused, *content.violations)))
        for each in content.readings:
            values: list[Any] = [text(one) for one in each.octets] or each.values.tolist()
            for index, value, quality in zip(each.index.tolist(), values, each.quality.tolist(), strict=True):
                self.points[each.group.kind, index] = value, quality
        return Taken.WHOLE


async def look(options: Options) -> dict[str, Any]:
    """Read everything static once.

    Raises:
        Failed, WrongUse: why not, and what to do next.
    """
    if options.address is not None or options.map:
        raise WrongUse("an ADDRESS and --map are for Modbus; a DNP3 outstation tells its points by itself")
    config: Dnp3Device = device(Dnp3Device, options)
    try:
        link = await open_link(config)
    except OSError as error:
        raise Failed(f"nobody answers at {config.url} ({reason(error)}): check address, port and cable") from None
    found = _Found()
    session = Session(link, config.outstation, config.master, found.take, Custody(lambda _: None))
    try:
        await _ask(session, config)
    except TimeoutError:
        raise Failed(
            f"outstation {config.outstation} did not answer master {config.master} in {config.timeout_s:g} s: "
            f"check both with --set outstation=N --set master=N, an outstation ignores a master that it does not know"
        ) from None
    except LinkLost as lost:
        raise Failed(
            f"the link to {config.url} ended ({lost}): is this port DNP3, and is its one link in use?"
        ) from None
    finally:
        await link.close()
    if not found.points:
        raise Failed(f"outstation {config.outstation} answers, but has no points: is it configured?")
    return _answer(config, options, session, found)


async def _ask(session: Session, config: Dnp3Device) -> None:
    await session.request(CLASS_0, config.timeout_s)
    for group in STATIC_GROUP.values():
        await session.request(read_all(group), config.timeout_s)
        await asyncio.sleep(0)
    await session.request(ATTRIBUTES, config.timeout_s)


def _answer(config: Dnp3Device, options: Options, session: Session, found: _Found) -> dict[str, Any]:
    order = list(STATIC_GROUP)
    ordered = sorted(found.points, key=lambda place: (order.index(place[0]), place[1]))
    shown = ordered[: options.most]
    counts = Counter(kind for kind, _ in ordered)
    keys = head(config, options, "outstation", "master", name=f"outstation{config.outstation}")
    return {
        "url": config.url,
        "protocol": "dnp3",
        "attributes": {TITLES.get(key, f"attribute {key}"): value for key, value in sorted(found.attributes.items())},
        "counts": {kind: counts[kind] for kind in order if counts[kind]},
        "indications": [said for bit, said in INDICATIONS.items() if session.iin & bit],
        "unread": list(found.unread),
        "left_off": len(ordered) - len(shown),
        "now": {f"{kind}_{index}": _now(*found.points[kind, index]) for kind, index in shown},
        "device": {
            **keys,
            "points": [{"name": f"{kind}_{index}", "address": f"{kind}:{index}"} for kind, index in shown],
        },
    }


def _now(value: float | str, quality: int) -> str:
    shown = value if isinstance(value, str) else number.shown(value)
    return f"{shown}, quality {quality:#06x}" if quality else shown


def attributes(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield variation and value of each attribute: a header of 5 octets, data type, length, value."""
    while len(data) >= 7 and data[0] == 0 and data[2] == 0:
        kind, size = data[5], data[6]
        value = data[7 : 7 + size]
        if len(value) == size:
            yield data[1], text(value) if kind == _TEXT else str(int.from_bytes(value, "little"))
        data = data[7 + size :]


def text(octets: bytes) -> str:
    """Return a text that a device gives, as far as it is one."""
    return paste.printable(octets.rstrip(b"\0").decode("utf-8", "backslashreplace"))


def page(found: dict[str, Any]) -> str:
    """Return what was found as YAML: what the outstation says of itself as comments, then the device."""
    notes = [f"{key}: {value}" for key, value in found["attributes"].items()]
    notes += [f"{kind}: {count} point{'s' if count > 1 else ''}" for kind, count in found["counts"].items()]
    notes += [*found["indications"], *found["unread"]]
    if found["left_off"]:
        notes.append(f"{found['left_off']} more points are left off: ask again with a higher --most")
    keys = {key: value for key, value in found["device"].items() if key != "points"}
    return paste.device(keys, found["device"]["points"], notes, found["now"])
