"""What a host may say to the node: a rebirth, a command, its STATE. Everything else is ignored and counted."""

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.uplink.sparkplug.control import NCMD_BYTES, orders
from gateway.uplink.sparkplug.host import STATE_BYTES, Host
from gateway.uplink.sparkplug.wire import BadPayload, Payload

NCMD = "spBv1.0/hill/NCMD/gw1"
NESTED = b"\x12\x7f" * 5000
"""A metric within a metric within a metric."""


def ncmd(*metrics):
    payload = Payload(timestamp=1)
    for metric in metrics:
        payload.metrics.add(**metric)
    return payload.SerializeToString()


REBIRTH = {"name": "Node Control/Rebirth", "boolean_value": True}
HOSTILE = {
    "nothing": b"",
    "garbage": b"\xff" * 100,
    "nested": NESTED,
    "huge": b"\x00" * (NCMD_BYTES + 1),
    "false": ncmd({"name": "Node Control/Rebirth", "boolean_value": False}),
    "a number": ncmd({"name": "Node Control/Rebirth", "int_value": 1}),
    "an unknown metric": ncmd({"name": "Node Control/Reboot", "boolean_value": True}),
    "an output": ncmd({"name": "feeder1/cb", "boolean_value": True}),
    "an unknown alias": ncmd({"alias": 99_999, "boolean_value": True}),
    "too many": ncmd(*[REBIRTH] * 65),
    "one bad of two": ncmd(REBIRTH, {"name": "x", "string_value": "y"}),
    "no text": ncmd({"name": "Node Control/Command", "string_value": "k"}).replace(b"k", b"\xff"),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_command_is_refused(body):
    """Whatever is no command as a whole raises the one error."""
    with pytest.raises(BadPayload):
        orders(body, {})


@given(st.binary(max_size=300))
def test_chance_is_no_command(body):
    """Bytes of chance are refused, or are a command that the layout really holds."""
    with suppress(BadPayload):
        assert all(order is None or isinstance(order, bytes) for order in orders(body, {1: "Node Control/Command"}))


async def test_hostile_commands_are_counted_and_change_nothing(stage):
    """The node goes on; the next real rebirth is carried out."""
    publisher = stage.start()
    await stage.until(lambda: len(stage.said("DBIRTH")) == 2)
    for body in HOSTILE.values():
        stage.host.say(NCMD, body)
    publisher.format._born_s -= 60
    stage.command(Rebirth=True)
    await stage.until(lambda: len(stage.said("DBIRTH")) == 4)

    assert publisher.format.ignored == len(HOSTILE)
    assert [message.verb for message in stage.said()] == ["NBIRTH", "DBIRTH", "DBIRTH"] * 2
    assert publisher.connects == 1


async def test_a_storm_of_rebirths_is_one(stage):
    """Requests that come soon after a birth share the next one, which waits."""
    publisher = stage.start()
    await stage.until(lambda: len(stage.said("DBIRTH")) == 2)
    publisher.format._born_s = time.monotonic() - 4.5
    for _ in range(50):
        stage.command(Rebirth=True)
    await stage.until(lambda: len(stage.said("DBIRTH")) == 4)
    stage.edge.put(stage.edge.summary(1.0))
    await stage.until(lambda: stage.said("DDATA"))

    assert [message.verb for message in stage.said()] == ["NBIRTH", "DBIRTH", "DBIRTH"] * 2 + ["DDATA"]
    assert publisher.format.ignored == 0


async def test_a_command_on_an_alarm_is_answered(stage):
    """The commands of the JSON format come as text, by name or by alias, and their answer is a metric."""
    stage.start()
    await stage.until(lambda: len(stage.said("DBIRTH")) == 2)
    birth = stage.said("NBIRTH")[0]
    asked = {"id": "1", "do": "ack", "alarm": "a", "by": "anna"}
    stage.command(Command=json.dumps(asked))
    other = json.dumps({"id": "2", "do": "open_breaker"})
    stage.host.say(NCMD, ncmd({"alias": birth["Node Control/Command"].alias, "string_value": other}))
    await stage.until(lambda: len(stage.said("NDATA")) == 2)
    replies = [json.loads(message.payload.metrics[0].string_value) for message in stage.said("NDATA")]

    assert stage.edge.commands == [asked]
    assert [(reply["id"], reply["ok"]) for reply in replies] == [("1", True), ("2", False)]
    assert {message.payload.metrics[0].alias for message in stage.said("NDATA")} == {birth["Node Control/Reply"].alias}


@pytest.mark.parametrize(
    "body",
    [b"", b"ONLINE", b"{}", b"[1]", b'{"online":1,"timestamp":1}', b'{"online":true,"timestamp":"1"}', b"[" * 900,
     b'{"online":true,"timestamp":true}', b" " * STATE_BYTES + b'{"online":true,"timestamp":1}'],
)  # fmt: skip
def test_what_is_no_state_is_ignored(body):
    """A host is online only when it says so in the words of the specification."""
    host = Host("scada")

    assert not host.hear(body)
    assert (host.online, host.ignored) == (False, 1)
