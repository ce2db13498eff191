"""What is normal is kept as text that people can read: the old file or the new one, bounded, never half."""

import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from detectors.cyber.baseline import Baseline
from gateway.store import baseline as module
from gateway.store.baseline import DAMAGED, FILE, edited, packed, parsed, read, ready, sealed, write

HOUR_NS = 3_600_000_000_000


def learned():
    baseline = Baseline(HOUR_NS)
    baseline.begin("wire", 1)
    baseline.meet("new_talker", "10.0.0.9", 1, "02:00:00:00:00:09")
    baseline.meet("new_pair", "10.0.0.9-10.0.0.11:502", 2)
    baseline.meet("new_talker", "10.0.0.66", 2 * HOUR_NS)
    return baseline


def test_it_comes_back(tmp_path):
    """What was told is read again, a fact a line, by nobody but the gateway's own user."""
    told = {"cyber": learned().told()}
    assert write(tmp_path, packed(told))

    assert read(tmp_path) == json.loads(json.dumps(told))
    assert '\n["new_talker","10.0.0.9","02:00:00:00:00:09",1,1,1,""],\n' in (tmp_path / FILE).read_text()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@given(st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9), st.text(max_size=9), st.integers(1, 2**62))))
def test_whatever_is_normal(met):
    """Any text is a key or a value, also one that comes from a frame."""
    baseline = Baseline(2**62)
    for check, key, value, now_ns in met:
        baseline.meet(check, key, now_ns, value)
    told = {"cyber": baseline.told(), "cyber/1": Baseline(1).told()}
    again = Baseline(2**62)
    again.take_up(parsed(packed(told))["cyber"])

    assert again.told() == told["cyber"]


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 100, b"[]", b"{}", b'{"v":2}', b'{"v":1', b"[" * 100_000, b"\xff", b'{"v":1,"cyber":{}']
)
def test_a_damaged_one_is_set_aside(tmp_path, content):
    """It is said once and kept for a person; then there is none, and learning begins anew."""
    (tmp_path / FILE).write_bytes(content)
    with capture_logs() as logs:
        assert (read(tmp_path), read(tmp_path)) == ({}, {})

    assert [line["event"] for line in logs] == ["baseline_damaged"]
    assert (tmp_path / DAMAGED).read_bytes() == content
    assert not (tmp_path / FILE).exists()


def test_it_is_bounded(tmp_path, monkeypatch):
    """What waits goes first; what is too large all the same is not written, and the one before stays."""
    told = {"cyber": learned().told()}
    monkeypatch.setattr(module, "BASELINE_BYTES", len(packed(told)) - 1)
    assert write(tmp_path, packed(told))
    kept = read(tmp_path)
    assert (len(kept["cyber"]["facts"]), kept["cyber"]["waiting"]) == (2, [])

    monkeypatch.setattr(module, "BASELINE_BYTES", 50)
    with capture_logs() as logs:
        assert ready(told) is None
    monkeypatch.undo()

    assert [line["event"] for line in logs] == ["baseline_not_kept"]
    assert read(tmp_path) == kept


def test_a_disk_that_refuses(tmp_path, monkeypatch):
    """It costs one log line, and leaves the old file as it was."""
    write(tmp_path, packed({"cyber": learned().told()}))
    before = (tmp_path / FILE).read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gateway.store.files.os.fsync", full)
    with capture_logs() as logs:
        assert not write(tmp_path, packed({}))

    assert [line["event"] for line in logs] == ["baseline_not_kept"]
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(FILE, before)]


def test_a_disk_that_cannot_be_read(tmp_path):
    """Nobody knows what was normal then: it is not nothing, for nothing would replace it."""
    (tmp_path / FILE).mkdir()
    with capture_logs() as logs:
        assert read(tmp_path) is None

    assert [line["event"] for line in logs] == ["baseline_not_read"]
    assert read(tmp_path / "none") == {}


def test_a_file_that_somebody_has_edited(tmp_path):
    """Another value, another fact, one fewer, or a new time of learning break its seal; to be seen again does not."""
    baseline = learned()
    content, seal = ready({"cyber": baseline.told()})
    write(tmp_path, content)
    assert edited(tmp_path, ["older", seal]) == edited(tmp_path, [seal, "newer"]) == ""

    baseline.meet("new_talker", "10.0.0.9", 3 * HOUR_NS, "02:00:00:00:00:09")
    assert packed({"cyber": baseline.told()}) != content
    assert sealed(packed({"cyber": baseline.told()})) == seal

    text = content.decode()
    line = '["new_talker","10.0.0.9","02:00:00:00:00:09",1,1,1,""],'
    edits = {
        ':09",1': ':66",1',
        line: line + line.replace("0.9", "0.8"),
        f"{line}\n": "",
        '"wire":1': '"wire":2',
        '"frozen":false': '"frozen":true',
        ',"cyber"': ',"other"',
    }
    for old, new in edits.items():
        assert old in text
        (tmp_path / FILE).write_text(text.replace(old, new))
        assert "has the seal" in edited(tmp_path, ["older", seal])


def test_a_file_that_somebody_has_taken_away_or_broken(tmp_path):
    """Then the gateway would learn anew, and say nothing."""
    assert edited(tmp_path, ["seal"]) == f"{FILE} is missing"
    for content in (b"", b"{}", b'{"v":1,"cyber":[]}', b'{"v":1,"cyber":{"frozen":1,"since":{},"facts":[1]}}'):
        (tmp_path / FILE).write_bytes(content)
        assert edited(tmp_path, ["seal"]).startswith(f"{FILE}: ")
