"""What the pages show is true: each configuration loads, each command is carried out, each message fits its schema."""

import asyncio
import gzip
import json
import re
from pathlib import Path

import pytest
import trained
import works
import yaml
from captured import pcap, polls
from jsonschema import Draft202012Validator as Validator
from place import Place
from shell import commands, unseen

from gateway.config.loader import load
from simulator.iec61850_cid import cid
from simulator.scenario import parse
from simulator.speakers import SPEAKERS
from simulator.truth import Truth

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = {"yaml", "sh", "console", "json", "text", "python", "sql", "ini"}
"""`sh` and `console` are commands: of docs/install.md the acceptance runs `sh` only. `text` is what a program says, or
a drawing. `python` is run by test_adding.py, `sql` by tests/system/test_upstream.py, `ini` is for systemd or so."""

NEEDED = {"gateway": "gateway: {site: a, name: b}\n", "uplink": "uplink: {url: mqtt://broker.example}\n"}
MEASURED = ", ".join(f"{{name: {name}, address: 'holding:{2 * n}'}}" for n, name in enumerate(trained.NAMES))
MEASURED = f"devices:\n  - {{name: feeder1, protocol: modbus, url: tcp://10.0.0.11, points: [{MEASURED}]}}\n"
"""What the model of a trained detector is asked about."""
A_FILE = re.compile(r"\b(?:\w+_file|scl): (?!/run/)([\w./-]+)")
FOREIGN = {"# prometheus.yml, on the Prometheus server": "Prometheus is not at hand: only that it is YAML"}
"""Blocks of YAML that are no configuration of ours, by their first line, with the reason why no more is tried."""

NOT_OURS = {
    "apt-get": "changes the machine; make acceptance",
    "systemctl": "changes the machine; make acceptance",
    "systemd-run": "changes the machine; make acceptance",
    "journalctl": "needs the service; make acceptance",
    "install": "changes the machine; make acceptance, and of drop-ins test_names.py",
    "systemd-sysusers": "changes the machine; the package does the same in make acceptance",
    "systemd-tmpfiles": "changes the machine; the package does the same in make acceptance",
    "ln": "changes the machine; the package does the same in make acceptance",
    "python3 -m venv": "changes the machine; requirements/run.txt is installed so for the package",
    "/opt/gridsentinel/venv/bin/pip": "changes the machine; requirements/run.txt is installed so for the package",
    "cat": "of docs/page.md: shows a token, which tests/gateway/page makes for itself",
    "tar": "of docs/upgrade.md: test_upgrade.py moves a gateway so",
    "chown": "changes the machine; the tar of test_upgrade.py keeps the owner",
    "pip": "changes the machine",
    "mkdir": "the folder is there already",
    "cd": "of docs/first-hour.md, which test_first_hour.py tries",
    "ip": "needs an interface of its own; tests/protocols/tap makes one",
    "sysctl": "needs an interface of its own",
    "make": "its targets are looked for by test_names.py",
    "mosquitto_sub": "its topic is looked at here",
    "mosquitto_pub": "its command is held against its schema here",
    "openssl": "the certificates of tests/protocols/opcua are made so",
    "python3 docs/examples/consumer.py": "tests/docs/test_consumer.py",
    "python benchmarks/detection/endtoend.py": "minutes; tests/simulator/test_truth.py plays a scenario so",
}
"""What else the pages have typed, with what is tried instead."""
OF_ANOTHER_PLANT = {
    "operational 100/100  up 5.8 s  version 0.1.0  2026-11-20T10:00:05.812Z": "all is well there, and a tap is at work",
    "what is normal here  2026-11-20T12:00:30.000Z": "nothing was approved there",
    "lines, with 10 ms for each answer of a device": "its line is serial",
}
"""What pages show below their commands, by its first line, that was said by another gateway than that of the test."""
CONFIG = """
gateway: {{site: nairobi-west, name: gw1, state_dir: state}}
uplink: {{url: {broker}, window_s: 1}}
evidence: {{after_s: 0.1}}
devices:
  - name: feeder1
    protocol: modbus
    url: tcp://{feeder1}
    points:
      - {{name: va, address: "holding:100", type: float32, unit: V, limits: {{high: 1}}}}
      - {{name: cb52, address: "discrete:0", role: {{bay: feeder1, quantity: breaker}}}}
      - {{name: ia, address: "holding:109", scale: 0.01, unit: A, role: {{bay: feeder1, quantity: current, phase: a}}}}
      - {{name: ib, address: "holding:110", scale: 0.01, unit: A}}
      - {{name: ic, address: "holding:111", scale: 0.01, unit: A}}
      - {{name: p, address: "input:0", type: int32, scale: 0.01, unit: kW}}
  - {{name: tap1, protocol: tap, file: capture.pcap}}
detectors:
  - {{detector: cyber, learning: frozen}}
  - {{detector: breaker, report_every_s: 1}}
"""
SCENARIO = "name: mine\nabout: Nothing.\nstart_hour: 10\nsteps: []\n"
STRANGERS = ("10.0.0.66", "10.0.0.77")
"""Of whom the pages approve."""
BEGIN_S = 1_795_176_000
"""2026-11-20T12:00:00Z."""


@pytest.fixture
def place(tmp_path, mosquitto, subscribe, monkeypatch):
    """Let everything be at work: polled once, with an alarm of which evidence is kept, and strangers who wait."""
    heard = subscribe(mosquitto, "#")
    for name in ("devices", "models", "case"):
        (tmp_path / name).mkdir()
    frames = [frame for stranger in STRANGERS for frame in polls(stranger, "10.0.0.11", 3)]
    capture = pcap(tmp_path / "capture.pcap", [(BEGIN_S * 10**9 + n * 10**6, frame) for n, frame in enumerate(frames)])
    (tmp_path / "capture.pcapng.gz").write_bytes(gzip.compress(capture.read_bytes()))
    rows = [",".join(map(str, (BEGIN_S + at, *row))) for at, row in enumerate(trained.rows(500)[:, 2:7].tolist())]
    (tmp_path / "week.csv").write_text("\n".join(["time,va,ia,ib,ic,p", *rows]) + "\n")
    (tmp_path / "my.yaml").write_text(SCENARIO)
    monkeypatch.setattr("gateway.cli.simulate.SPEAKERS", {"modbus": SPEAKERS["modbus"]})  # the others cost seconds each
    with works.substation() as places:
        text = CONFIG.format(broker=mosquitto.url, feeder1=places["127.0.0.1:15021"])
        for name in ("gateway.yaml", "new.yaml"):
            (tmp_path / name).write_text(text)
        monkeypatch.chdir(tmp_path)
        with works.gateway(tmp_path / "gateway.yaml"):
            told = {f"tap1/{stranger}/new_talker" for stranger in STRANGERS}
            asyncio.run(
                heard.until(lambda heard: told <= {each["id"] for each in heard.on("/alarm")}, works.PATIENCE_S)
            )
            asyncio.run(heard.until(lambda heard: heard.on("/telemetry") and heard.on("/report"), works.PATIENCE_S))
            yield Place(tmp_path, places)


def test_every_fence_says_what_it_is(every_block):
    """So that nothing is shown that nobody tries."""
    pages = [*(ROOT / "docs").rglob("*.md"), *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG"))]
    fences = sum(len(re.findall(r"^\s*```", page.read_text(), re.MULTILINE)) for page in pages)

    assert [str(block) for block in every_block if block.language not in LANGUAGES] == []
    assert fences == 2 * len(every_block)


def test_a_configuration_loads(yaml_block, tmp_path, monkeypatch):
    """What is missing to a whole is added; files that it names are there, readable by their owner only."""
    if yaml_block.text.partition("\n")[0] in FOREIGN:
        assert yaml.safe_load(yaml_block.text)
        return
    if re.search(r"^steps:", yaml_block.text, re.MULTILINE):
        assert parse(yaml_block.text, str(yaml_block)).steps
        return
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    missing = [text for key, text in NEEDED.items() if not re.search(rf"^{key}:", yaml_block.text, re.MULTILINE)]
    for name in A_FILE.findall(yaml_block.text):
        assert not name.startswith("/"), f"{name} would be looked for on this machine"
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(cid("feeder3").replace("FEEDER3", "IED3") if name.endswith(".cid") else "x" * 32)
        (tmp_path / name).chmod(0o600)
    if "model_file" in yaml_block.text:
        trained.write(tmp_path / "models", trained.lesson(600), "feeder1", "feeders.tflite")
        missing.append(MEASURED)
    path = tmp_path / "gateway.yaml"
    path.write_text("".join(missing) + yaml_block.text)

    assert load(path)


def test_a_message_is_one(every_block):
    """Each JSON is of docs/mqtt.md, where test_schemas.py holds it to its schema, or a truth of the simulator."""
    told = [block for block in every_block if block.language == "json" and block.page != "mqtt.md"]

    assert all(json.loads(Truth.read(block.text).line()) == json.loads(block.text) for block in told)


def test_a_command_to_the_broker_is_one(every_block):
    """What `mosquitto_pub` says goes to the one topic, and fits its schema."""
    fits = Validator(json.loads((ROOT / "docs/schemas/command.json").read_text()))
    said = [words for _, words in every_command(every_block) if words[0] == "mosquitto_pub"]

    assert {words[words.index("-t") + 1].split("/", 2)[2] for words in said} == {"gw1/command"}
    assert [error for words in said for error in fits.iter_errors(json.loads(words[words.index("-m") + 1]))] == []


def test_every_command_is_ours_or_known(every_block):
    """A command of another program is in the list above, with what is tried instead; no row of it is left over."""
    others = [" ".join(words) for _, words in every_command(every_block) if words[0] != "gridsentinel"]
    known = {line: next((word for word in NOT_OURS if f"{line} ".startswith(f"{word} ")), None) for line in others}

    assert [line for line, word in known.items() if word is None] == []
    assert set(NOT_OURS) - set(known.values()) == set()


def test_our_commands_do_what_the_pages_say(every_block, place):
    """Each is run as it stands, in a folder with the files that the pages name, against what is at work.

    It ends well. What a page shows below its commands is what they say, but for numbers.
    """
    wrong, said, above = [], "", None
    for block in every_block:
        if block.page == "first-hour.md":  # has a test of its own
            continue
        ours = [words[1:] for words in commands(block.text) if words[0] == "gridsentinel"] if is_shell(block) else []
        if block.language == "text" and said and (block.page, block.heading) == above:
            if block.text.partition("\n")[0] not in OF_ANOTHER_PLANT:
                wrong += [f"{block}: nobody says '{line}'" for line in unseen(block.text, said)]
        elif ours:
            said, above = "", (block.page, block.heading)
        for words in ours:
            code, more = place.run(words)
            wrong += [f"{block}: {' '.join(words)}: {code} {more}"] if code else []
            said += more

    assert wrong == []


def every_command(blocks):
    """Return each command of the pages, with the block that it stands in."""
    return [(block, words) for block in blocks if is_shell(block) for words in commands(block.text)]


def is_shell(block):
    return block.language in ("sh", "console")
