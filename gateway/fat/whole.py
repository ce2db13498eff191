"""What concerns the gateway as a whole: what it says that it measures, and that no message is missing."""

from collections.abc import Callable, Sequence

from gateway.fat.heard import Heard
from gateway.fat.row import Row, Verdict
from gateway.fat.subject import Subject
from protocols.config import Device

NAMED = 3
"""Points that are named where several are wrong."""


def born(
    heard: Heard, devices: Sequence[Device], subjects: Sequence[Subject], *, types: Callable[[str], str] = str
) -> Row:
    """Check that the birth message has every point, with its unit and type as `types` tells it, and no other."""
    told = {} if heard.birth is None else heard.birth["devices"]
    said = {
        f"{device}.{name}": (point["unit"], point["type"])
        for device, one in told.items()
        for name, point in one["points"].items()
    }
    names = {device.name for device in devices}
    should = {each.name: (each.point.unit, types(each.point.kind)) for each in subjects if each.device in names}
    wrong = sorted(name for name in should.keys() | said.keys() if should.get(name) != said.get(name))
    return Row(
        test="birth message",
        expected=f"{len(should)} points with unit and type",
        seen=f"{len(said)} points",
        verdict=Verdict.FAIL if wrong else Verdict.PASS,
        remark=f"otherwise: {', '.join(wrong[:NAMED])}" if wrong else "",
    )


def complete(heard: Heard) -> Row:
    """Check that no sequence number of any stream is missing."""
    missing = {stream: max(numbers) - len(numbers) for stream, numbers in heard.numbers.items() if numbers}
    gone = [f"missing: {count} of {stream}" for stream, count in missing.items() if count]
    counted = ", ".join(f"{len(numbers)} of {stream}" for stream, numbers in sorted(heard.numbers.items()))
    return Row(
        test="sequence numbers",
        expected="no number is missing",
        seen=counted or "nothing",
        verdict=Verdict.FAIL if gone or heard.garbled or not counted else Verdict.PASS,
        remark=", ".join([*gone, *([f"{heard.garbled} messages cannot be read"] if heard.garbled else [])]),
    )
