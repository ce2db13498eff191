"""The scorers of captures: frames made anew are what was told, labels are the description's, gaps are found."""

import json
import sys
from pathlib import Path

import pytest

from protocols.tap.goose.pdu import parse

ROOT = Path(__file__).resolve().parents[3]
ROW = {
    "scenario": "811/8111a",
    "Label": "811",
    "pkt arrival time": "1683265612.569627",
    "MACsrc_goose": "20:17:01:16:f0:32",
    "MACdst_goose": "01:0c:cd:01:0c:02",
    "APPID_goose": "0x3102",
    "gocbRef": "PIOC/LLN0$GO$gcb_1",
    "Timeallowedtolive": "1100",
    "datset": "PIOC/LLN0$DS",
    "goID": "gcb_1",
    "t": "1683265612.5",
    "stNum": "3",
    "sqNum": "300",
    "simulation": "False",
    "confRev": "200",
    "ndsCom": "True",
    "data": "[True, 0, False, 0]",
}


@pytest.fixture
def scorers(monkeypatch):
    """Return the modules of the benchmark, which are not part of the product."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "cyber"))
    before = set(sys.modules)
    import goose
    import rebuilt

    yield goose, rebuilt
    for name in set(sys.modules) - before:
        if not name.startswith(("protocols", "detectors")):
            del sys.modules[name]


def made(rebuilt, at_s=0, source="20:17:01:16:f0:32", **told):
    """Return a frame of the row with other fields."""
    row = {**ROW, "MACsrc_goose": source, "pkt arrival time": f"{1683265612 + at_s}.5", **told}
    return rebuilt._labelled(row)


def test_a_frame_made_anew_says_what_was_told(scorers):
    """All fields of the table are in it, as the tap reads them."""
    _, rebuilt = scorers
    message = rebuilt._labelled(ROW)
    pdu = parse(message.frame[14:])

    assert (message.time_ns, message.label) == (1683265612_569627000, "811")
    assert (pdu.app_id, pdu.ref, pdu.live_ms, pdu.st, pdu.sq) == (0x3102, b"PIOC/LLN0$GO$gcb_1", 1100, 3, 300)
    assert (pdu.dataset, pdu.go_id, pdu.conf_rev, pdu.nds_com) == (b"PIOC/LLN0$DS", b"gcb_1", 200, True)
    assert pdu.t[:5] == (1683265612).to_bytes(4, "big") + b"\x80"
    assert (pdu.wrong, len(json.loads(ROW["data"].lower()))) == ("", pdu.data.count(b"\x83\x01") * 2)


def test_added_messages_are_those_of_the_description(scorers):
    """A second source, a second time within a state, the values before the fault once it has begun."""
    goose, rebuilt = scorers
    opened, closed = "[True, 0]", "[False, 0]"
    told = [
        ("0", {"stNum": "1", "t": "1.5", "data": closed}),
        ("9", {"stNum": "1", "t": "9.5", "data": opened}),
        ("9", {"stNum": "1", "t": "1.5", "data": closed, "source": "20:17:01:16:f0:66"}),
        ("9", {"stNum": "2", "t": "3.5", "data": closed}),
        ("0", {"stNum": "2", "t": "3.5", "data": opened}),
        ("0", {"stNum": "3", "t": "5.5", "data": closed}),
    ]
    frames = [(made(rebuilt, at_s, **keys).frame, at_s) for at_s, (_, keys) in enumerate(told)]

    assert [each.label for each in goose._labelled(frames, True, "9")] == [label for label, _ in told]
    assert {each.label for each in goose._labelled(frames, False, "9")} == {"0"}


def test_deleted_trips_are_found_by_what_comes_after(scorers):
    """When the first messages of a state do not come, the next one is where a deletion shows; without any it is not."""
    goose, rebuilt = scorers
    count = goose.LEFT_OUT + 10
    told = [made(rebuilt, sq, stNum="1", sqNum=str(sq)) for sq in range(5)]
    told += [made(rebuilt, 5 + sq, stNum="2", sqNum=str(sq)) for sq in range(count)]
    left = goose._left_out(told)

    assert len(told) - len(left) == goose.LEFT_OUT
    assert [*goose._after_gap(told)] == []
    assert [each.time_ns for each in goose._after_gap(left)] == [told[5 + goose.LEFT_OUT].time_ns]
