"""What may be asked, and what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.uplink.commands import COMMAND_BYTES, REMEMBERED, CommandRefused, Commands, parse


def commands(done):
    async def gaps():
        return {"count": 0, "gaps": []}

    def alarms(asked):
        done.append(asked["id"])
        return {"done": len(done)}

    return Commands(alarms=alarms, gaps=gaps, rebirth=lambda: done.append("rebirth"))


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
        (b'{"id":"1","do":"gaps","value":"1"}', "value: not known, only id, do, alarm, until, by"),
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
