"""The gateway looks at itself: each kind has a hash that any change changes, and nothing else does."""

import asyncio

import pytest
from structlog.testing import capture_logs

from detectors.cyber.baseline import Baseline
from gateway.integrity import (
    BROKEN,
    FILES_MAX,
    WHOLE,
    Integrity,
    audit_gap,
    baseline_edit,
    configuration,
    digest,
    sources,
    unit,
)
from gateway.keeper import Keeper
from gateway.store.audit import SEALED, Audit, lines
from gateway.store.baseline import FILE
from protocols.model import EventKind


@pytest.fixture
def main(tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text("gateway: {}\n")
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "a.yaml").write_text("devices: []\n")
    return path


async def looked(main, *, include=("devices/*.yaml",)):
    """Return what one look at the start says, by its kind."""
    said = asyncio.Queue()
    state = main.parent / "state"
    integrity = Integrity(main, state, include=lambda: include, put=said.put, clock=lambda: 7)
    task = asyncio.create_task(integrity.run())
    found = [await said.get() for _ in range(4)]
    task.cancel()
    return {each.function: each for each in found}


async def test_what_is_said_at_the_start(main):
    """Code, configuration, audit log and baseline, live, with the version; no unit where none is installed, as here."""
    found = await looked(main)

    assert set(found) == {"code", "config", "audit", "baseline"}
    assert {(each.kind, each.device, each.live) for each in found.values()} == {(EventKind.INTEGRITY, "gateway", True)}
    assert len(found["code"].facts["value"]) == 64
    assert found["audit"].facts["value"] == found["baseline"].facts["value"] == WHOLE


async def test_a_reload_looks_again(main):
    """And finds what is configured now."""
    said = asyncio.Queue()
    integrity = Integrity(main, main.parent, include=tuple, put=said.put, clock=lambda: 7)
    task = asyncio.create_task(integrity.run())
    before = [await said.get() for _ in range(4)]
    main.write_text("gateway: {site: other}\n")
    integrity.again()
    edited = {each.function: each for each in [await said.get() for _ in range(4)]}
    assert not edited["config"].facts["taken_up"]
    integrity.taken_up()
    after = [await said.get() for _ in range(4)]
    task.cancel()
    assert [each.facts["taken_up"] for each in after if each.function == "config"] == [True]

    changed = [one.function for one, other in zip(before, after, strict=True) if one.facts != other.facts]
    assert changed == ["config"]


async def test_an_end_in_the_moment_of_a_reload(main):
    """It is cancelled just after it was told to look again, and ends: it slept for a day, and the daemon with it."""
    said = asyncio.Queue()
    integrity = Integrity(main, main.parent, include=tuple, put=said.put, clock=lambda: 7)
    task = asyncio.create_task(integrity.run())
    for _ in range(4):
        await said.get()
    for _ in range(10):  # then it waits
        await asyncio.sleep(0)
    integrity.taken_up()
    task.cancel()
    ended, _ = await asyncio.wait((task,), timeout=10)

    assert task in ended
    assert task.cancelled()


def test_an_included_file_is_part_of_the_configuration(main):
    """Its content and its name count; a file that nobody includes does not."""
    before = digest(configuration(main, ("devices/*.yaml",)))
    (main.parent / "other.yaml").write_text("x")
    assert digest(configuration(main, ("devices/*.yaml",))) == before
    (main.parent / "devices" / "a.yaml").write_text("devices: [x]\n")
    assert digest(configuration(main, ("devices/*.yaml",))) != before
    (main.parent / "devices" / "a.yaml").write_text("devices: []\n")
    (main.parent / "devices" / "b.yaml").touch()
    assert digest(configuration(main, ("devices/*.yaml",))) != before


def test_files_that_cannot_be_read(tmp_path):
    """Count as such, so taking one away shows; without any file there is nothing to say."""
    path = tmp_path / "a"
    path.write_text("x")
    whole = digest([("a", path)])
    path.unlink()

    assert digest([("a", path)]) not in ("", whole)
    assert digest([]) == ""


def test_the_bound_on_files(tmp_path):
    """What is beyond it is not read, but that there is more shows."""
    path = tmp_path / "a"
    path.write_text("x")
    most = [(str(number), path) for number in range(FILES_MAX)]

    assert digest(most) != digest([*most, ("more", path)]) == digest([*most, ("more", path), ("again", path)])


def test_a_unit_and_its_drop_ins(tmp_path):
    """A drop-in is as good as the unit: it may start anything."""
    (tmp_path / "gridsentinel.service").write_text("[Service]\n")
    before = digest(unit([str(tmp_path)]))
    (tmp_path / "gridsentinel.service.d").mkdir()
    (tmp_path / "gridsentinel.service.d" / "x.conf").write_text("[Service]\nExecStartPre=/tmp/x\n")

    assert before != digest(unit([str(tmp_path)]))


def test_our_own_sources():
    """All four packages with all they hold, none twice, and nothing that Python has compiled."""
    names = [name for name, _ in sources()]

    assert len(names) == len(set(names))
    assert {"gateway/app.py", "protocols/model.py", "detectors/model.py", "simulator/scenarios/day.yaml"} <= set(names)
    assert [name for name in names if name.endswith(".pyc")] == []


def test_a_library_beside_a_source(tmp_path, monkeypatch):
    """Is loaded in its place, so it counts."""
    (tmp_path / "ours" / "__pycache__").mkdir(parents=True)
    (tmp_path / "ours" / "a.py").write_text("1")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("gateway.integrity.PACKAGES", ("ours", "theirs"))
    before = digest(sources())
    (tmp_path / "ours" / "__pycache__" / "a.pyc").write_text("2")
    assert digest(sources()) == before
    (tmp_path / "ours" / "a.so").write_text("3")
    assert digest(sources()) != before


async def test_a_gap_in_the_audit_log(tmp_path):
    """An entry that was taken out, or changed, is found."""
    audit = await Audit.open(tmp_path, lambda: 7)
    for what in ("one", "two", "three"):
        audit.note(what, "anna")
    await audit.close()
    assert audit_gap(tmp_path) == ""

    file = tmp_path / "audit.jsonl"
    first, _, third = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + third)
    assert "does not follow" in audit_gap(tmp_path)


async def test_a_gap_is_said(main):
    """As a value that the check knows."""
    state = main.parent / "state"
    state.mkdir()
    (state / "audit.jsonl").write_text("no entry\n")
    found = await looked(main)

    assert found["audit"].facts["value"] == BROKEN


async def test_a_baseline_that_was_edited_while_the_gateway_was_down(tmp_path):
    """The log tells with which seal it was written; the one before counts too, as a kill may come between the two."""
    audit = await Audit.open(tmp_path, lambda: 7)
    assert baseline_edit(tmp_path) == ""

    async def enter(seal):
        audit.note(SEALED, "gateway", sha256=seal)
        assert await audit.settled()

    baseline = Baseline(1)
    keeper = Keeper(tmp_path, bytes, lambda: {"cyber": baseline.told()}, enter)
    for key in ("10.0.0.9", "10.0.0.10"):
        before = (tmp_path / FILE).read_bytes() if (tmp_path / FILE).exists() else b""
        baseline.meet("new_talker", key, 0, first_use=True)
        assert await keeper.facts()
        assert await keeper.facts()
    await audit.close()
    assert (len([*lines(tmp_path)]), baseline_edit(tmp_path)) == (2, "")

    (tmp_path / FILE).write_bytes(before)
    assert baseline_edit(tmp_path) == ""
    (tmp_path / FILE).write_bytes(before.replace(b"10.0.0.9", b"10.0.0.66"))
    assert "has the seal" in baseline_edit(tmp_path)


async def test_an_edit_is_said(main):
    """As a value that the check knows, and as a line of the log."""
    state = main.parent / "state"
    audit = await Audit.open(state, lambda: 7)
    audit.note(SEALED, "gateway", sha256="seal")
    await audit.close()
    with capture_logs() as logs:
        found = await looked(main)

    assert (found["baseline"].facts["value"], found["baseline"].detail) == (BROKEN, "baseline.json is missing")
    assert [(line["event"], line["what"]) for line in logs] == [("record_changed", "baseline")]
