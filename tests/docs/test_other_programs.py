"""docs/examples for other programs: Node-RED really runs its flow; Telegraf's file is read, and its paths are there."""

import json
import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from ports import free_port

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs/examples"
FLOW = json.loads((EXAMPLES / "node-red.json").read_text())
VERSION = "4.1.8"
FOLDER = ROOT / ".peers/node-red"
PATIENCE_S = 60.0


@pytest.fixture(scope="session")
def node_red():
    """Return the program, fetched once from npm."""
    if not (FOLDER / "node_modules/node-red/package.json").exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        words = ["npm", "install", "--no-audit", "--no-fund", "--silent", f"node-red@{VERSION}"]
        subprocess.run(words, cwd=FOLDER, check=True, capture_output=True)
    return FOLDER / "node_modules/node-red/red.js"


@pytest.fixture
def running(node_red, mosquitto, tmp_path):
    """Run Node-RED with the flow, its broker replaced by that of the test and its button pressed at the start."""
    flow = [dict(node) for node in FLOW]
    for node in flow:
        if node["type"] == "mqtt-broker":
            node["port"] = str(mosquitto.port)
        if node["type"] == "inject":
            node |= {"once": True, "onceDelay": 0.1}
    (tmp_path / "flow.json").write_text(json.dumps(flow))
    settings = {"uiPort": free_port(), "uiHost": "127.0.0.1", "httpAdminRoot": False, "telemetry": {"enabled": False}}
    (tmp_path / "settings.js").write_text(f"module.exports = {json.dumps(settings)};")
    command = [shutil.which("node"), node_red, "-u", tmp_path, "-s", tmp_path / "settings.js", tmp_path / "flow.json"]
    surroundings = os.environ | {"HOME": str(tmp_path)}
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=surroundings) as process,
    ):
        yield tmp_path / "log"
        process.terminate()


@pytest.mark.interop
async def test_node_red(running, mosquitto, subscribe):
    """Each number once, one message per point; an alarm as text; the button is a command that the gateway takes."""
    heard = subscribe(mosquitto, "#")
    await heard.until(lambda heard: heard.on("/command"), PATIENCE_S)
    point = {"n": 10, "min": 229.8, "max": 230.4, "mean": 230.1, "last": 230.2, "q": 0}
    window = {"v": 1, "stream": "telemetry", "seq": 7, "device": "feeder1", "start": "2026-11-20T10:00:00.000Z"}
    window |= {"length_s": 10, "historical": False, "points": {"va": point, "vb": point | {"q": 2}}}
    alarm = {
        "state": "active_unacked",
        "severity": "warning",
        "text": "va is high",
        "first": "2026-11-20T10:00:00.000Z",
    }
    for seq in (7, 7, 8):
        heard.say("gridsentinel/s/g/telemetry/feeder1", json.dumps(window | {"seq": seq}).encode())
    heard.say("gridsentinel/s/g/alarm", json.dumps(alarm).encode())
    await heard.until(lambda heard: any(message.topic == "alarms/s/g" for message in heard.messages), PATIENCE_S)
    await heard.until(lambda heard: len([m for m in heard.messages if m.topic.startswith("points/")]) >= 4, PATIENCE_S)
    points = [(m.topic, m.json["value"], m.json["good"]) for m in heard.messages if m.topic.startswith("points/")]
    said = [m.payload.decode() for m in heard.messages if m.topic == "alarms/s/g"]
    command = heard.on("/command")[0]

    assert points == [("points/s/g/feeder1/va", 230.1, True), ("points/s/g/feeder1/vb", 230.1, False)] * 2
    assert said == ["warning: va is high (active_unacked, since 2026-11-20T10:00:00.000Z)"]
    assert command | {"id": ""} == {"id": "", "do": "ack", "alarm": "feeder1/va/limit_high", "by": "node-red"}


def test_the_flow_hangs_together():
    """Every wire leads to a node, every node to its broker."""
    ids = {node["id"] for node in FLOW}

    assert [node["id"] for node in FLOW for wires in node.get("wires", []) for wire in wires if wire not in ids] == []
    assert [node["id"] for node in FLOW if node.get("broker", "127.0.0.1") not in ids | {"127.0.0.1"}] == []


def test_telegrafs_paths_are_there():
    """The file is TOML, and each path of its fields and tags is in the example of docs/mqtt.md for its topic."""
    page = (ROOT / "docs/mqtt.md").read_text()
    inputs = tomllib.loads((EXAMPLES / "telegraf.conf").read_text())["inputs"]["mqtt_consumer"]

    assert [found["topics"][0].split("/")[3] for found in inputs] == ["telemetry", "change", "alarm"]
    for found in inputs:
        topic = found["topics"][0].split("/")[3]
        example = json.loads(page.split(f"\n## {topic}\n")[1].split("```json\n")[1].split("```")[0])
        metric = found["xpath"][0]
        named = [metric["timestamp"], *metric["fields"].values(), *metric["tags"].values()]
        top = {path[1:] for path in named if path.startswith("/")}
        inner = {path for path in named if not path.startswith("/") and path != "name(.)"}

        assert top <= example.keys()
        assert all(inner <= point.keys() for point in example["points"].values()) if inner else topic == "alarm"
        assert found["topic_parsing"][0]["topic"] == found["topics"][0]
        assert (found["qos"], found["persistent_session"]) == (1, True)
