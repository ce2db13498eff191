"""docs/examples/consumer.py as a program, against a real broker: its exit code is the answer."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "docs/examples/consumer.py"
PREFIX = "gridsentinel/s/g"
PATIENCE_S = 60


def consumer(broker, *words):
    command = [sys.executable, PROGRAM, broker.url, "s", "g", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process):
    """Return its exit code and its report."""
    told, _ = process.communicate(timeout=PATIENCE_S)
    return process.returncode, json.loads(told) if told else None


def run(broker, *words):
    return ended(consumer(broker, *words))


@pytest.fixture
def say(mosquitto, subscribe):
    """Publish as a gateway would; when it returns, the broker has it all."""
    publisher = subscribe(mosquitto, "nothing")

    def say(*seqs, waiting=0, last=None):
        for seq in seqs:
            body = {"v": 1, "stream": "telemetry", "seq": seq, "historical": False}
            publisher.say(f"{PREFIX}/telemetry/d", json.dumps(body).encode())
        store = {"waiting": {"telemetry": waiting, "change": 0, "alarm": 0}}
        store["last_seq"] = {"telemetry": max(seqs) if last is None else last, "change": 0, "alarm": 0}
        status = json.dumps({"v": 1, "online": True, "store": store}).encode()
        publisher.say(f"{PREFIX}/status", status, retain=True).wait_for_publish(PATIENCE_S)

    return say


async def test_complete_also_over_a_kill(mosquitto, subscribe, say, tmp_path):
    """Killed and started again with its book, the consumer has what came in between, and ends with 0."""
    book = tmp_path / "book.json"
    first = consumer(mosquitto, "--state", str(book))
    watcher = subscribe(mosquitto)
    for turn in itertools.count(1):
        say(*range(1, 51))
        await watcher.until(lambda watcher, turn=turn: len(watcher.on("/telemetry")) >= 50 * turn)
        if book.exists():
            break
    say(*range(1, 51))  # its session may have begun in the middle of the turn
    first.kill()
    first.communicate()
    say(*range(51, 400))
    await watcher.until(lambda watcher: watcher.on("/status")[-1]["store"]["last_seq"]["telemetry"] == 399)
    code, report = run(mosquitto, "--state", str(book), "--until-complete", "--seconds", str(PATIENCE_S))

    assert (code, report["telemetry"]["missing"]) == (0, [])
    assert report["telemetry"]["new"] == 399


@pytest.mark.parametrize(
    ("waiting", "answer", "key"),
    [(0, 1, "missing"), (3, 3, "outstanding")],
    ids=["nothing waits: lost", "the gateway still holds some"],
)
async def test_a_hole(mosquitto, say, tmp_path, waiting, answer, key):
    """A hole is lost when the gateway holds nothing any more, and outstanding while it does."""
    words = ("--state", str(tmp_path / "book.json"), "--once", "--seconds", str(PATIENCE_S))
    say(waiting=1, last=0)
    assert run(mosquitto, *words)[0] == 0
    say(1, 2, 5, waiting=waiting)
    code, report = run(mosquitto, *words)

    assert (code, report["telemetry"][key]) == (answer, [[3, 4]])


async def test_a_book_that_begins_now(mosquitto, subscribe, say, tmp_path):
    """It begins with the next status: what was given out after the retained one and before is not missing."""
    say(last=10)
    words = ("--from-now", "--state", str(tmp_path / "book.json"), "--until-complete", "--seconds", str(PATIENCE_S))
    first = consumer(mosquitto, *words)
    assert "connected" in first.stderr.readline()
    while first.poll() is None:
        say(last=14)
        await subscribe(mosquitto).until(lambda watcher: watcher.on("/status"))
    report = json.loads(first.communicate()[0])
    say(15, 17)
    code, after = run(mosquitto, *words[1:3], "--once", "--seconds", str(PATIENCE_S))

    assert (first.returncode, report["telemetry"]["missing"]) == (0, [])
    assert (code, after["telemetry"]["missing"]) == (1, [[16, 16]])


async def test_what_is_no_message(mosquitto, say, subscribe):
    """What is no JSON of a gateway is said, and no good end; without a broker there is no answer at all."""
    subscribe(mosquitto, "nothing").say(f"{PREFIX}/status", b"{", retain=True).wait_for_publish(PATIENCE_S)
    code, report = run(mosquitto, "--once", "--seconds", str(PATIENCE_S))
    mosquitto.stop()

    assert (code, report["unreadable"]) == (1, 1)
    assert run(mosquitto) == (2, None)


async def test_nesting_without_end(mosquitto, say, subscribe):
    """A command of that kind is not the gateway's and no matter; a status of that kind is unreadable."""
    other, nested = subscribe(mosquitto, "nothing"), b"[" * 5_000
    other.say(f"{PREFIX}/command", nested, retain=True).wait_for_publish(PATIENCE_S)
    say(last=0)
    told = run(mosquitto, "--once", "--seconds", str(PATIENCE_S))
    other.say(f"{PREFIX}/status", nested, retain=True).wait_for_publish(PATIENCE_S)
    after = run(mosquitto, "--once", "--seconds", str(PATIENCE_S))

    assert (told[0], told[1]["unreadable"]) == (0, 0)
    assert (after[0], after[1]["unreadable"]) == (1, 1)
