"""What may be asked, and what is refused."""

import asyncio
import json
from types import SimpleNamespace
from unittest.mock import AsyncMock

import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from gateway.uplink.commands import COMMAND_BYTES, REMEMBERED, CommandRefused, Commands, parse
from gateway.uplink.desk import Desk


async def _kept():
    """The disk is quick."""


def commands(done):
    async def gaps():
        return {"count": 0, "gaps": []}

    def alarms(asked):
        done.append(asked["id"])
        return {"done": len(done)}

    return Commands(alarms=alarms, gaps=gaps, rebirth=lambda: done.append("rebirth"), kept=_kept)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * COMMAND_BYTES, "not JSON"),
        (b"9" * COMMAND_BYTES, "not JSON"),
        (b" " * COMMAND_BYTES + b"{", "command of 8193 bytes is over 8192"),
        (b"[]", "not a JSON object"),
        (b'{"do":"gaps"}', "id: a text of 1 to 256 characters is needed"),
        (b'{"id":7,"do":"gaps"}', "id: a text of 1 to 256 characters is needed"),
        (b'{"id":"1"}', "do: not one of ack, shelve, unshelve, rebirth, gaps"),
        (b'{"id":"1","do":"open"}', "do: not one of ack, shelve, unshelve, rebirth, gaps"),
        (b'{"id":"1","do":["ack"]}', "do: not a text of at most 256 characters"),
        (b'{"id":"1","do":"ack"}', "alarm: needed for ack"),
        (b'{"id":"1","do":"shelve","alarm":"a"}', "until: needed for shelve"),
        (b'{"id":"1","do":"ack","alarm":{"a":[]}}', "alarm: not a text of at most 256 characters"),
        (b'{"id":"1","do":"gaps","expires":"tomorrow"}', "expires: no time like 2026-11-20T12:00:00Z"),
        (b'{"id":"1","do":"gaps","value":"1"}', "value: not known, only id, do, alarm, until, by, expires"),
    ],
)
def test_what_is_no_command_is_refused(body, error):
    """The refusal says what is wrong and what is allowed."""
    with pytest.raises(CommandRefused) as refused:
        parse(body)

    assert str(refused.value) == error


NESTED = st.recursive(st.text(), st.lists).map(lambda value: json.dumps({"id": "1", "do": value}).encode())


@given(st.binary(max_size=200) | NESTED)
async def test_nothing_breaks_the_room(body):
    """Any bytes get an answer, and a short one."""
    answer = await commands([]).answer(body)

    assert len(str(answer)) < 700


async def test_a_repeated_command_acts_once():
    """The second answer is the first one; only the last 256 are remembered."""
    done = []
    room = commands(done)
    ask = '{{"id":"{}","do":"ack","alarm":"a"}}'
    first = [await room.answer(ask.format("x").encode()) for _ in range(2)]
    for n in range(REMEMBERED):
        await room.answer(ask.format(n).encode())
    again = await room.answer(ask.format("x").encode())

    assert first == [{"id": "x", "ok": True, "done": 1}] * 2
    assert again["done"] == REMEMBERED + 2


class Journal:
    """Keeps what was asked; the time stands at noon of 2026-11-20."""

    def __init__(self):
        self.kept = []

    def now_ns(self):
        return 1_795_176_000 * 10**9

    def command(self, outcome, told):
        self.kept.append((outcome.value, told.get("id"), told.get("by")))


@pytest.mark.parametrize(
    ("expires", "outcome"),
    [
        ("2026-11-20T12:00:01Z", "done"),
        ("2026-11-20T12:00:00Z", "expired"),
        ("2026-11-20T11:59:59", "expired"),
        ("2026-11-20T13:00:00+02:00", "expired"),
        ("2026-11-20T12:00:00-01:00", "done"),
    ],
)
@pytest.mark.parametrize("do", ["ack", "rebirth", "gaps"])
async def test_what_has_expired_does_nothing(expires, outcome, do):
    """A command that waited too long in a broker is refused, with by how much by our clock."""
    done, journal = [], Journal()
    room = Commands(
        alarms=lambda asked: done.append(asked["id"]) or {},
        gaps=lambda: _gaps(done),
        rebirth=lambda: done.append("rebirth"),
        kept=_kept,
        journal=journal,
    )
    reply = await room.answer(json.dumps({"id": "1", "do": do, "alarm": "a", "expires": expires}).encode())

    assert journal.kept == [(outcome, "1", None)]
    assert (reply["ok"], bool(done)) == (outcome == "done", outcome == "done")
    assert outcome == "done" or reply["error"].endswith("s ago by our clock")


async def _gaps(done):
    done.append("gaps")
    return {"count": 0, "gaps": []}


async def test_every_command_is_recorded():
    """Also the refused, the malformed, the oversized and the repeated one, with who asked as far as it is known."""
    journal = Journal()
    room = Commands(
        alarms=lambda asked: {} if asked["alarm"] == "a" else {"ok": False, "error": "no"},
        gaps=lambda: _gaps([]),
        rebirth=lambda: None,
        kept=_kept,
        journal=journal,
    )
    bodies = [
        b'{"id":"1","do":"ack","alarm":"a","by":"anna"}',
        b'{"id":"1","do":"ack","alarm":"a","by":"anna"}',
        b'{"id":"2","do":"ack","alarm":"b","by":"ben"}',
        b'{"id":"3","do":"open"}',
        b"\xff",
        b" " * COMMAND_BYTES + b"{",
    ]
    for body in bodies:
        await room.answer(body)

    assert journal.kept == [
        ("done", "1", "anna"),
        ("repeated", "1", "anna"),
        ("refused", "2", "ben"),
        ("malformed", "3", None),
        ("malformed", None, None),
        ("oversized", None, None),
    ]


@examples(50)
@given(st.binary(max_size=300) | st.dictionaries(st.sampled_from(["id", "do", "alarm", "until", "by", "expires", "x"]),
       st.text(max_size=20) | st.integers() | st.sampled_from(["ack", "gaps", "shelve"])).map(
           lambda told: json.dumps(told).encode()))  # fmt: skip
def test_whatever_comes_is_recorded_once(body):
    """One record for one message, and an answer that says whether it was done."""
    journal = Journal()
    room = Commands(alarms=lambda _: {}, gaps=lambda: _gaps([]), rebirth=lambda: None, kept=_kept, journal=journal)
    reply = asyncio.run(room.answer(body))

    assert [outcome == "done" for outcome, *_ in journal.kept] == [reply["ok"]]


async def test_nobody_is_told_of_what_a_crash_would_undo():
    """The reply waits until the disk has what the command changed."""
    disk = asyncio.Event()
    room = Commands(alarms=lambda _: {}, gaps=lambda: _gaps([]), rebirth=lambda: None, kept=disk.wait)
    answering = asyncio.create_task(room.answer(b'{"id":"1","do":"ack","alarm":"a"}'))
    await asyncio.sleep(0)
    told_early = answering.done()
    disk.set()

    assert not told_early
    assert await answering == {"id": "1", "ok": True}


async def test_a_disk_that_refuses_is_told(monkeypatch):
    """The command is carried out all the same, and its sender knows what that is worth."""
    monkeypatch.setattr("gateway.uplink.commands.KEPT_S", 0.01)
    room = Commands(alarms=lambda _: {}, gaps=lambda: _gaps([]), rebirth=lambda: None, kept=asyncio.Event().wait)

    assert await room.answer(b'{"id":"1","do":"ack","alarm":"a"}') == {"id": "1", "ok": True, "stored": False}


async def test_gaps_that_cannot_be_read_are_not_none():
    """While the disk refuses, the answer is not that nothing was ever lost."""
    sources = SimpleNamespace(
        command=None, states=SimpleNamespace(flush=None), journal=Journal(), gaps=AsyncMock(return_value=None)
    )
    desk = Desk(sources, lambda: None)
    desk.put(json.dumps({"id": "1", "do": "gaps"}).encode())

    assert await desk.answer() == {"id": "1", "ok": False, "error": "the disk cannot be read now"}
    assert sources.journal.kept == [("refused", "1", None)]
