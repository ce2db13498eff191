"""What the checks know: how far they have learned what is normal, and the last report of each of their subjects."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from detectors.detector import Learned
from detectors.model import Report
from gateway.uplink.payload import iso, plain

STATES = ("learning", "ready", "frozen")
UNREADY_SHOWN = 5
"""Subjects named that still learn, those that are furthest."""
REPORTS_SHOWN = 1000
"""Reports in an answer; who wants others asks for a kind."""


def learned(told: Mapping[str, Sequence[Learned]]) -> Mapping[str, Any]:
    """Return of each check that learns: its subjects by state, how far it is as a whole, and some that still learn."""
    return {check: _learned(subjects) for check, subjects in told.items() if subjects}


def _learned(subjects: Sequence[Learned]) -> Mapping[str, Any]:
    states: list[str] = [each.state for each in subjects]
    waiting = sorted((each for each in subjects if each.state == "learning"), key=lambda each: -each.share)
    return {
        **{state: states.count(state) for state in STATES},
        "share": round(sum(each.share for each in subjects) / len(subjects), 4),
        "next": [
            {"subject": each.subject, "share": round(each.share, 4), "detail": each.detail}
            for each in waiting[:UNREADY_SHOWN]
        ],
    }


def reports(found: Iterable[Report], kind: str | None) -> Sequence[Mapping[str, Any]]:
    """Return the last report of each subject, of one `kind` or of all."""
    shown = [report for report in found if kind in (None, report.kind)][:REPORTS_SHOWN]
    return [
        {"kind": report.kind, "subject": report.subject, "time": iso(report.time_ns), "body": plain(report.body)}
        for report in shown
    ]
