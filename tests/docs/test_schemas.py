"""docs/schemas: what a running gateway says fits, the page's examples fit, and what is wrong does not."""

import copy
import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator as Validator

from gateway.core.messages import AlarmState
from gateway.store.record import GapReason, Stream
from gateway.uplink import commands

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "docs/schemas").glob("*.json"))}
PAGE = (ROOT / "docs/mqtt.md").read_text()


def sections():
    """Yield (topic, example) for each JSON block of the page below the heading of a topic."""
    for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        topic = part.partition("\n")[0]
        for block in re.findall(r"^```json\n(.*?)^```$", part, re.MULTILINE | re.DOTALL):
            yield topic, json.loads(block)


EXAMPLES = dict(reversed([*sections()]))
"""The first example of each topic."""


def fits(topic, message):
    return Validator(SCHEMAS[topic]).is_valid(message)


def needed(schema):
    """Yield the paths of all keys that must be there, as far as they do not depend on names."""
    for key in schema.get("required", ()):
        yield (key,)
        yield from ((key, *path) for path in needed(schema.get("properties", {}).get(key, {})))


def keys():
    for topic, schema in SCHEMAS.items():
        for path in needed(schema):
            yield pytest.param(topic, path, id=f"{topic}.{'.'.join(path)}")


def changed(message, path, change):
    """Return a copy of which the object that holds the last key of `path` was changed."""
    copied = copy.deepcopy(message)
    inner = copied
    for key in path[:-1]:
        inner = inner[key]
    change(inner, path[-1])
    return copied


@pytest.mark.parametrize("topic", SCHEMAS)
def test_a_schema_is_one(topic):
    """Each file is a schema of draft 2020-12."""
    Validator.check_schema(SCHEMAS[topic])


def test_every_topic_has_a_schema(table):
    """The topics of the page, and none else."""
    assert set(SCHEMAS) == {row[0].strip("`").split("/")[3] for row in table("mqtt.md", "Topics")}


async def test_what_a_gateway_says_fits(said):
    """Every message of a running gateway, of every topic but gap, report and command."""
    topics = [message.topic.split("/")[3] for message in said.messages]
    heard = [(topic, message.json) for topic, message in zip(topics, said.messages, strict=True) if topic != "command"]

    assert [
        (topic, error.message) for topic, each in heard for error in Validator(SCHEMAS[topic]).iter_errors(each)
    ] == []
    assert {topic for topic, _ in heard} == set(SCHEMAS) - {"gap", "command", "report"}


def test_the_examples_of_the_page_fit():
    """Every JSON block of docs/mqtt.md below the heading of its topic; each topic has one."""
    found = list(sections())

    assert [
        (topic, error.message) for topic, told in found for error in Validator(SCHEMAS[topic]).iter_errors(told)
    ] == []
    assert {topic for topic, _ in found} == set(SCHEMAS)


@pytest.mark.parametrize(("topic", "path"), list(keys()))
def test_a_key_that_is_needed(topic, path):
    """Without it, or with an object or a list of nothing known in its place, the message does not fit."""
    example = EXAMPLES[topic]

    assert fits(topic, example)
    assert not fits(topic, changed(example, path, lambda inner, key: inner.pop(key)))
    assert not fits(topic, changed(example, path, lambda inner, key: inner.update({key: [None, {}]})))


@pytest.mark.parametrize(
    ("topic", "wrong"),
    [
        ("telemetry", {"v": 2}),
        ("telemetry", {"seq": 0}),
        ("telemetry", {"seq": 1.5}),
        ("telemetry", {"stream": "change"}),
        ("telemetry", {"device": "a/b"}),
        ("telemetry", {"start": "2026-11-20T10:00:00Z"}),
        ("telemetry", {"start": "2026-11-20 10:00:00.000"}),
        ("telemetry", {"length_s": 0}),
        ("telemetry", {"points": {}}),
        ("telemetry", {"covers": [1]}),
        ("telemetry", {"numbers": [[1, 4]]}),
        ("telemetry", {"points": {"va": {"n": 0, "min": 1, "max": 1, "mean": 1, "last": 1, "q": 0}}}),
        ("telemetry", {"points": {"va": {"n": 1, "min": 1, "max": 1, "mean": 1, "last": 1, "q": 65536}}}),
        ("telemetry", {"points": {"va": {"n": -1, "min": None, "max": None, "mean": None, "last": None, "q": 0}}}),
        ("change", {"points": {"cb52": {"value": True, "q": 0, "time": None}}}),
        ("change", {"points": {"cb52": {"value": 1, "q": 0}}}),
        ("alarm", {"state": "open"}),
        ("alarm", {"severity": "high"}),
        ("alarm", {"shelved_until": 0}),
        ("alarm", {"count": 0}),
        ("gap", {"stream": "status"}),
        ("gap", {"reason": "unknown"}),
        ("gap", {"lost": -1}),
        ("status", {"online": False}),
        ("status", {"health": 101}),
        ("birth", {"config_hash": "d02f"}),
        ("command", {"do": "open_breaker"}),
        ("command", {"value": "1"}),
        ("command", {"id": ""}),
        ("command", {"alarm": None}),
        ("reply", {"ok": False}),
    ],
    ids=str,
)
def test_wrong_messages(topic, wrong):
    """An example of the page with one thing wrong does not fit."""
    assert not fits(topic, {**EXAMPLES[topic], **wrong})


@pytest.mark.parametrize(
    "body",
    [
        b'{"id":"1","do":"ack","alarm":"a"}',
        b'{"id":"1","do":"ack"}',
        b'{"id":"1","do":"ack","alarm":""}',
        b'{"id":"1","do":"shelve","alarm":"a","until":null}',
        b'{"id":"1","do":"gaps","by":null}',
        b'{"id":"1","do":"gaps","by":7}',
        b'{"id":"1","do":"rebirth","what":"else"}',
        b'{"do":"rebirth"}',
        b'{"id":"1"}',
        b"[]",
    ],
    ids=bytes.decode,
)
def test_the_schema_of_commands_is_what_the_gateway_takes(body):
    """What fits is taken, what does not is refused."""
    try:
        commands.parse(body)
    except commands.CommandRefused:
        taken = False
    else:
        taken = True

    assert fits("command", json.loads(body)) is taken


def test_the_words_are_those_of_the_code():
    """States, reasons and streams."""
    words = {
        "alarm": (SCHEMAS["alarm"]["properties"]["state"]["enum"], AlarmState),
        "gap": (SCHEMAS["gap"]["properties"]["reason"]["enum"], GapReason),
        "stream": (SCHEMAS["gap"]["properties"]["stream"]["enum"], Stream),
    }

    assert {key: sorted(listed) for key, (listed, _) in words.items()} == {
        key: sorted(word.value for word in known) for key, (_, known) in words.items()
    }
