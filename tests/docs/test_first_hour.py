"""docs/first-hour.md, as a newcomer reads it: its commands in their order, its file, and what stands below each."""

import asyncio
import subprocess
import sys

import pytest
import works
from place import Place
from shell import commands, unseen

from gateway.local.client import ask
from simulator.speakers import SPEAKERS

PROGRAM = "import sys; from gateway.cli import main; sys.exit(main(['run', 'gateway.yaml']))"
NOT_HERE = ("apt-get", "mkdir", "cd")
"""What is there already."""


class Hour:
    """The machine of the newcomer: what was said last, the gateway as a process, and the broker."""

    def __init__(self, place, mosquitto, heard):
        self.place, self._mosquitto, self._heard = place, mosquitto, heard
        self.said, self._gateway = "", None

    def do(self, words):
        """Carry out one command, and wait for what the page says that comes of it."""
        match words:
            case ["gridsentinel", "run", "gateway.yaml"]:
                self._gateway = subprocess.Popen([sys.executable, "-c", PROGRAM], stderr=subprocess.PIPE, text=True)
                self.said = self._read("device_answers", "broker_connected")
                self._until(lambda heard: heard.on("/change"))
            case ["gridsentinel", *ours]:
                code, self.said = self.place.run(ours)
                assert code == 0, self.said
            case ["mosquitto_sub", "-v", "-t", topic, "-C", count]:
                self._until(lambda heard: len(heard.on(topic.removesuffix("#"))) >= int(count))
            case ["mosquitto_pub", "-q", "1", "-t", topic, "-m", message]:
                self._heard.say(topic, message.encode())
                self._until(lambda heard: heard.on("/alarm")[-1]["state"] == "normal" and heard.on("/reply"))
            case ["systemctl", "stop", "mosquitto"]:
                self._mosquitto.stop()
                self._read("broker_lost")
            case ["systemctl", "start", "mosquitto"]:
                self._mosquitto.start()
                self._read("broker_connected")
                asyncio.run(self._back())
            case _:
                assert words[0] in NOT_HERE, words

    def end(self):
        """Stop the gateway."""
        if self._gateway is not None:
            self._gateway.terminate()
            self._gateway.communicate(timeout=works.PATIENCE_S)

    async def _back(self):
        """Wait until messages go to the broker again, which is a moment after there is a connection."""
        async with asyncio.timeout(works.PATIENCE_S):
            while not ask(self.place.folder / "state/status.sock", {"ask": "status"})["uplink"]["connected"]:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.05)

    def _until(self, enough):
        asyncio.run(self._heard.until(enough, 2 * works.PATIENCE_S))

    def _read(self, *events):
        """Return what the gateway logs, until there is a line with each event, in whichever order they come."""
        lines = [self._gateway.stderr.readline()]
        while lines[-1] and any(event not in "".join(lines) for event in events):
            lines.append(self._gateway.stderr.readline())
        assert lines[-1], f"the gateway ended without {events}"
        return "".join(lines)


@pytest.fixture
def hour(tmp_path, mosquitto, subscribe, monkeypatch):
    """Serve the substation of the page, twice as fast; the gateway is started by its command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gateway.cli.simulate.SPEAKERS", {"modbus": SPEAKERS["modbus"]})  # the others cost seconds each
    with works.substation("demo", speed=2, ways=("modbus",)) as places:
        place = Place(tmp_path, {**places, "mqtt://127.0.0.1": mosquitto.url})
        made = Hour(place, mosquitto, subscribe(mosquitto, "#"))
        yield made
        made.end()


def test_the_first_hour(hour, every_block):
    """Every command does what the page says, and what it shows is seen, but for numbers."""
    for block in every_block:
        if block.page != "first-hour.md":
            continue
        if block.language == "yaml":
            hour.place.file("gateway.yaml", block.text)
        elif block.language == "text":
            assert unseen(block.text, hour.said) == [], str(block)
        else:
            for words in commands(block.text):
                hour.do(words)
