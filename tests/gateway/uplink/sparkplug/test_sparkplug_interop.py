"""Eclipse Tahu's JavaScript decoder (npm: sparkplug-payload) reads what the gateway sends, births, data and deaths."""

import base64
import json
import math
import os
import subprocess
from pathlib import Path

import pytest
from spb import value_of

from gateway.core.messages import AlarmState

pytestmark = pytest.mark.interop

VERSION = "1.0.3"
HERE = Path(__file__).parent
FOLDER = HERE.parents[3] / ".peers/sparkplug-payload"
TYPES = {3: "Int32", 4: "Int64", 10: "Double", 11: "Boolean", 12: "String", 13: "DateTime", 16: "DataSet"}


@pytest.fixture(scope="session")
def modules():
    """Return where the decoder is, fetched once."""
    if not (FOLDER / "node_modules/sparkplug-payload").exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                "npm",
                "install",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--prefix",
                FOLDER,
                f"sparkplug-payload@{VERSION}",
            ],
            check=True,
            capture_output=True,
        )
    return FOLDER / "node_modules"


def decoded(modules, messages):
    """Return what the decoder makes of the payloads."""
    lines = b"\n".join(base64.b64encode(message.packet.payload) for message in messages) + b"\n"
    done = subprocess.run(
        ["node", HERE / "tahu_peer.js"],
        input=lines,
        env=os.environ | {"NODE_PATH": str(modules)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


async def test_tahu_decodes_every_message(stage, modules):
    """Number, time, names, aliases, datatypes, values, properties and flags are what was meant."""
    edge = stage.edge
    edge.put(edge.summary(229.0, s=1))
    publisher = stage.start()
    await stage.until(lambda: len(stage.said("DDATA")) == 1)
    edge.alarms.append(edge.alarm())
    edge.put(edge.change(math.nan, point="p", device="feeder2", quality=1, s=61), edge.alarm(AlarmState.ACTIVE_ACKED))
    await stage.until(lambda: len(stage.said("NDATA")) == 2 and len(stage.said("DDATA")) == 2)
    edge.links["feeder2"] = False
    await stage.until(lambda: stage.said("DDEATH"))
    await publisher.drain(5.0)
    await stage.until(lambda: stage.said("NDEATH"))
    messages = stage.said()
    names = {m.alias: m.name for message in messages for m in message.payload.metrics if m.name and m.alias}

    for message, told in zip(messages, decoded(modules, messages), strict=True):
        assert told["timestamp"] == message.payload.timestamp
        assert told.get("seq", -1) == (message.payload.seq if message.payload.HasField("seq") else -1)
        for theirs, ours in zip(told.get("metrics", ()), message.payload.metrics, strict=True):
            assert theirs.get("name") or names[theirs["alias"]]
            assert theirs["timestamp"] == ours.timestamp
            assert theirs.get("isHistorical", False) == ours.is_historical
            if message.verb.endswith("BIRTH"):
                assert theirs["type"] == TYPES[ours.datatype]
                assert_same(theirs, ours)
            assert set(theirs.get("properties", {})) == set(ours.properties.keys)


def assert_same(theirs, ours):
    """Compare a value as the decoder has it with what was encoded."""
    value = value_of(ours)
    if value is None:
        assert theirs["value"] is None
    elif TYPES[ours.datatype] == "DataSet":
        assert theirs["value"]["numOfColumns"] == value.num_of_columns
        assert theirs["value"]["columns"] == list(value.columns)
    else:
        assert theirs["value"] == value
