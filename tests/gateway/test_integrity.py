"""The gateway looks at itself: each kind has a hash that any change changes, and nothing else does."""

import asyncio

import pytest

from gateway.integrity import BROKEN, FILES_MAX, WHOLE, Integrity, audit_gap, configuration, digest, sources, unit
from gateway.store.audit import Audit
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
    found = [await said.get() for _ in range(3)]
    task.cancel()
    return {each.function: each for each in found}


async def test_what_is_said_at_the_start(main):
    """Code, configuration and audit log, live, with the version; no unit where none is installed, as here."""
    found = await looked(main)

    assert set(found) == {"code", "config", "audit"}
    assert {(each.kind, each.device, each.live) for each in found.values()} == {(EventKind.INTEGRITY, "gateway", True)}
    assert len(found["code"].facts["value"]) == 64
    assert found["audit"].facts["value"] == WHOLE


async def test_a_reload_looks_again(main):
    """And finds what is configured now."""
    said = asyncio.Queue()
    integrity = Integrity(main, main.parent, include=tuple, put=said.put, clock=lambda: 7)
    task = asyncio.create_task(integrity.run())
    before = [await said.get() for _ in range(3)]
    main.write_text("gateway: {site: other}\n")
    integrity.again()
    after = [await said.get() for _ in range(3)]
    task.cancel()

    changed = [one.function for one, other in zip(before, after, strict=True) if one.facts != other.facts]
    assert changed == ["config"]


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
    """All three packages, none twice."""
    names = [name for name, _ in sources()]

    assert len(names) == len(set(names))
    assert {"gateway/app.py", "protocols/model.py", "detectors/model.py"} <= set(names)


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
