"""The cyber part of the status: what is learned, what each tap hears, and what found no room."""

from types import SimpleNamespace

import pytest

from detectors.cyber.config import CyberConfig
from detectors.cyber.detector import Cyber
from gateway.core.pipeline import Pipeline
from gateway.local.cyber import cyber
from gateway.local.cyber_page import cyber_lines
from protocols.points import Points

HEARD = {"source": "ring", "frames": 640, "per_s": 112, "dropped": 0, "evicted": 0, "untold": 0, "faults": 0}
WITNESS = SimpleNamespace(kept=3, lost=0, skipped=2, shelf=SimpleNamespace(let_go=1))


@pytest.fixture
def detector():
    return Cyber(CyberConfig(learn_s=60), Points.of([]))


def test_what_is_told(detector):
    """Facts, what waits, what was forgotten; taps by their names; what became of evidence."""
    baseline = detector.baseline
    baseline.begin("wire", 0)
    baseline.meet("new_talker", "10.0.0.9", 1)
    baseline.meet("new_talker", "10.0.0.66", 61 * 10**9)
    baseline.forgotten = 7
    pipeline = Pipeline(Points.of([]), {"cyber": [detector]}, 10)
    told = cyber(pipeline, {"tap1": SimpleNamespace(counters=HEARD)}, WITNESS)

    assert told == {
        "learning": {"frozen": False, "facts": 1, "waiting": 1, "forgotten": 7},
        "taps": {"tap1": HEARD},
        "evidence": {"kept": 3, "lost": 0, "skipped": 2, "let_go": 1},
    }
    assert list(cyber_lines(told)) == [
        ("1 facts are normal, 1 wait for approval; each check learns for its time, 7 forgotten", "warning"),
        ("tap1 hears 112 frames/s by ring, 640 so far", ""),
        ("evidence of 3 alarms kept, 2 skipped, 1 let go", ""),
    ]


def test_what_is_not_at_work():
    """A gateway without cyber checks, tap and evidence says so, and nothing else."""
    told = cyber(Pipeline(Points.of([]), {}, 10), {}, None)

    assert told == {"learning": None, "taps": {}, "evidence": None}
    assert list(cyber_lines(told)) == [("not at work", "dim")]


@pytest.mark.parametrize("trouble", [{"dropped": 5}, {"faults": 1}, {"source": "plain"}, {"source": "none"}])
def test_a_tap_in_trouble_is_coloured(trouble):
    """Frames that were lost, a dissector that failed, a kernel without a ring, no source at all."""
    told = {"learning": None, "taps": {"tap1": {**HEARD, **trouble}}, "evidence": None}
    _, (line, colour) = cyber_lines(told)

    assert colour == "warning"
    assert all(str(value) in line for value in trouble.values())
