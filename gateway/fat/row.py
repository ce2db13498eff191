"""The result of one test, as a line of the checklist; and what they amount to."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.fat.subject import Subject


class Verdict(StrEnum):
    """How a test ended."""

    PASS = "pass"  # noqa: S105 - it is no password
    FAIL = "FAIL"
    NOT_TESTED = "not tested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One test: of a point, of a device (`point` empty), or of the gateway (`device` empty too)."""

    device: str = ""
    point: str = ""
    address: str = ""
    kind: str = ""
    order: str = ""
    scale: str = ""
    unit: str = ""
    test: str
    expected: str
    seen: str
    verdict: Verdict
    remark: str = ""


def of(subject: Subject, test: str, expected: str, seen: str, verdict: Verdict, remark: str = "") -> Row:
    """Return the result of a test of a point."""
    point = subject.point
    scale = f"{point.scale:g}" + (f" {point.offset:+g}" if point.offset else "")
    return Row(
        device=subject.device,
        point=point.name,
        address=subject.address,
        kind=subject.kind,
        order=subject.order,
        scale=scale,
        unit=point.unit,
        test=test,
        expected=expected,
        seen=seen,
        verdict=verdict,
        remark=remark,
    )


def counted(rows: Sequence[Row]) -> dict[Verdict, int]:
    """Return how many tests ended in each way."""
    return {verdict: sum(row.verdict is verdict for row in rows) for verdict in Verdict}
