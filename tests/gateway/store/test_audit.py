"""The audit log: what was entered stays, in order, bound to what was before; a bad disk stops nobody."""

import asyncio
import json
import os

import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from gateway.store import audit as module
from gateway.store.audit import AT_ONCE, AUDIT, FILE_BYTES, WAITING_MAX, Audit, AuditFile, lines
from gateway.store.chain import ENTRY_BYTES, TEXT_CHARACTERS, Link, Note, bound, opened, verified

NOW_NS = 1_795_176_000_123_000_000
DETAIL = st.dictionaries(st.text(max_size=8), st.text(max_size=400) | st.integers() | st.none(), max_size=5)


def chain(details, end=None):
    """Return the lines of a chain with such details."""
    written, end = [], end or Link()
    for detail in details:
        line, end = bound(Note(NOW_NS, "command", "anna", detail), end)
        written.append(line)
    return written


@pytest.fixture
async def make(tmp_path):
    """Open logs in one directory; all are closed with the test."""
    made = []

    async def make():
        made.append(await Audit.open(tmp_path, lambda: NOW_NS))
        return made[-1]

    yield make
    for audit in made:
        await audit.close()


async def entered(audit):
    """Wait until nothing waits."""
    async with asyncio.timeout(30):
        while audit.waiting:  # noqa: ASYNC110 - nobody but a test waits for an entry
            await asyncio.sleep(0.005)


def kept(folder):
    return [opened(line) for line in lines(folder)]


def test_the_form_of_an_entry():
    """A line of JSON that says what, who, when and what came before, and its own hash."""
    [line] = chain([{"do": "ack"}])
    entry = json.loads(line)

    assert entry.pop("hash") == opened(line)["hash"]
    assert entry == {
        "n": 1, "time": "2026-11-20T12:00:00.123Z", "what": "command", "who": "anna", "detail": {"do": "ack"},
        "before": "0" * 64,
    }  # fmt: skip


@examples(50)
@given(st.lists(DETAIL, min_size=3, max_size=6), st.data())
def test_every_change_is_found(details, data):
    """An entry that was changed, left out, put in, or moved breaks the chain there, and not before."""
    written = chain(details)
    assert verified(written).broken is None
    at = data.draw(st.integers(1, len(written) - 2))
    letter = data.draw(st.integers(0, len(written[at]) - 2))
    changed = bytearray(written[at])
    changed[letter] ^= data.draw(st.sampled_from([1, 2, 4, 8, 16]))

    for wrong in (
        [*written[:at], bytes(changed), *written[at + 1 :]],
        [*written[:at], *written[at + 1 :]],
        [*written[:at], written[0], *written[at:]],
        [*written[:at], written[at + 1], written[at], *written[at + 2 :]],
        [*written[:at], *chain([{"forged": 1}], Link(at, opened(written[at - 1])["hash"])), *written[at + 1 :]],
    ):
        verdict = verified(wrong)
        assert verdict.broken
        assert at <= verdict.whole <= at + 1


def test_an_entry_is_never_long():
    """Long texts are cut; what is long all the same is left out and says so."""
    long, many = chain([{"error": "e" * 5000}, {f"key{n}": "e" * 250 for n in range(100)}])

    assert len(opened(long)["detail"]["error"]) == TEXT_CHARACTERS
    assert opened(many)["detail"] == {"left_out": "the entry was too long"}
    assert max(len(long), len(many)) <= ENTRY_BYTES


async def test_the_chain_goes_through_restarts(make, tmp_path):
    """Each run goes on where the one before stopped, and knows how it ended."""
    ended = []
    for last in ("stopped", "command", "stopped"):
        audit = await make()
        ended.append(audit.previous)
        audit.note("started", "gateway")
        audit.note(last, "anna")
        await audit.close()

    assert ended == ["none", "clean", "unclean"]
    assert (await make()).previous == "clean"
    assert verified(lines(tmp_path)).whole == 6
    assert [entry["n"] for entry in kept(tmp_path)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("left", [1, 40, -1])
async def test_a_torn_line_is_taken_away(make, tmp_path, left):
    """After a power cut the chain ends with the last whole entry; that a line was torn is entered."""
    whole, torn = chain([{"n": 1}, {"n": 2}])
    (tmp_path / AUDIT).write_bytes(whole + torn[:left])
    audit = await make()
    audit.note("started", "gateway")
    await entered(audit)

    assert [(entry["what"], entry["n"]) for entry in kept(tmp_path)] == [("command", 1), ("torn", 2), ("started", 3)]
    assert kept(tmp_path)[1]["detail"] == {"bytes": len(torn[:left])}
    assert verified(lines(tmp_path)).broken is None


async def test_who_waits_for_his_entry(make, tmp_path, monkeypatch):
    """It is on disk then; with a disk that refuses he is told so after a while, and it is entered later."""
    audit = await make()
    audit.note("learn", "uid 1000")
    assert await audit.settled()
    assert [entry["what"] for entry in kept(tmp_path)] == ["learn"]

    monkeypatch.setattr(module, "SETTLE_S", 0.05)
    monkeypatch.setattr(module, "RETRY_S", 0.1)
    monkeypatch.setattr(AuditFile, "_write", refusing := FailsOnce(AuditFile._write))
    audit.note("learn", "uid 1001")
    assert not await audit.settled()
    await entered(audit)

    assert refusing.asked == 2
    assert await audit.settled()
    assert [entry["who"] for entry in kept(tmp_path)] == ["uid 1000", "uid 1001"]


class FailsOnce:
    """Writes at the second attempt only."""

    def __init__(self, write):
        self.asked, self._write = 0, write

    def __get__(self, file, _owner):
        return lambda data: self(file, data)

    def __call__(self, file, data):
        self.asked += 1
        if self.asked == 1:
            raise OSError(28, "No space left on device")
        self._write(file, data)


def test_a_line_that_is_being_written(tmp_path):
    """Whoever reads the log meanwhile sees what was there before."""
    whole, half = chain([{"n": 1}, {"n": 2}])
    (tmp_path / AUDIT).write_bytes(whole + half[:50])

    assert verified(lines(tmp_path)) == verified([whole])


async def test_a_changed_line_is_kept(make, tmp_path):
    """What somebody has changed is evidence: it stays, the log goes on behind it, and the check names it."""
    first, second = chain([{"n": 1}, {"n": 2}])
    (tmp_path / AUDIT).write_bytes(first + second.replace(b"anna", b"anny"))
    audit = await make()
    audit.note("started", "gateway")
    await entered(audit)

    assert len(kept(tmp_path)) == 3
    assert verified(lines(tmp_path)).broken.startswith("line 2, after entry 1 of 2026-11-20T12:00:00.123Z,")


def test_two_files_hold_the_newest(tmp_path):
    """The older one is let go of when a third would begin; the chain goes on through both."""
    file = AuditFile(tmp_path)
    note = Note(NOW_NS, "command", "anna", {f"k{n}": "x" * TEXT_CHARACTERS for n in range(12)})
    end, sizes = Link(), set()
    while end.n < 2.5 * FILE_BYTES / 3300:
        end = file.append([note] * AT_ONCE)
        sizes.add(sum(path.stat().st_size for path in tmp_path.iterdir()))
    verdict = verified(lines(tmp_path))

    assert sorted(path.name for path in tmp_path.iterdir()) == [AUDIT, f"{AUDIT}.1"]
    assert max(sizes) <= 2 * FILE_BYTES
    assert verdict.broken is None
    assert (verdict.first["n"] > 1, verdict.last["n"]) == (True, end.n)
    assert AuditFile(tmp_path).open() == (end, 0)


async def test_a_disk_that_refuses(make, tmp_path, monkeypatch):
    """Entries wait, within their bound, in their order; what fell out is entered when the disk takes them again."""
    monkeypatch.setattr(module, "RETRY_S", 0.05)
    audit = await make()
    audit.note("started", "gateway")
    await entered(audit)
    real, left = os.pwrite, [3]

    def full(handle, data, at):
        if left[0]:
            left[0] -= 1
            return real(handle, data[:10], at)
        return real(handle, data, at)

    monkeypatch.setattr(os, "pwrite", full)
    for n in range(WAITING_MAX + 7):
        audit.note("command", "anna", n=n)
    assert (audit.waiting, audit.dropped) == (WAITING_MAX, 7)
    async with asyncio.timeout(30):
        while audit.fault is None:  # noqa: ASYNC110 - nobody but a test waits for a fault
            await asyncio.sleep(0.005)
    await entered(audit)

    assert audit.fault is None
    assert verified(lines(tmp_path)).broken is None
    commands = [entry["detail"]["n"] for entry in kept(tmp_path) if entry["what"] == "command"]
    assert commands == list(range(WAITING_MAX))
    assert [entry["detail"] for entry in kept(tmp_path) if entry["what"] == "entries_lost"] == [{"lost": 7}]


async def test_no_directory_at_the_start(make, tmp_path, monkeypatch):
    """A log that cannot be made is made later, with what happened meanwhile."""
    monkeypatch.setattr(module, "RETRY_S", 0.05)
    folder = tmp_path / "state"
    folder.write_text("a file where the directory should be")
    audit = await Audit.open(folder, lambda: NOW_NS)
    audit.note("started", "gateway")
    assert (audit.previous, audit.fault is None) == ("unknown", False)
    folder.unlink()
    await entered(audit)
    await audit.close()

    assert [entry["what"] for entry in kept(folder)] == ["started"]


async def test_a_stop_does_not_wait_for_a_bad_disk(tmp_path):
    """What cannot be entered is left behind, at once."""
    folder = tmp_path / "state"
    folder.write_text("a file where the directory should be")
    audit = await Audit.open(folder, lambda: NOW_NS)
    audit.note("stopped", "gateway")
    async with asyncio.timeout(30):
        await audit.close()

    assert audit.waiting == 1
