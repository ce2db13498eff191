"""A whole site for a browser: substation, Mosquitto, and the daemon with its page, each a process of its own."""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0
"""Nothing here takes so long, unless it is broken or the machine is busy."""
COMMAND = (sys.executable, "-c", "from gateway.cli import main; raise SystemExit(main())")
SCENARIO = {
    "name": "page",
    "about": "A feeder has tripped, a unit does not answer, a current transformer shows too little, an over-voltage.",
    "seed": 7,
    "start_hour": 18.5,
    "steps": [
        {"at_s": 20, "for_s": 86000, "do": "feeder_trip", "feeder": "feeder2"},
        {"at_s": 25, "for_s": 86000, "do": "dead_unit", "unit": "feeder5"},
        {"at_s": 180, "for_s": 60, "do": "over_voltage", "bus": "bb1", "per_unit": 1.09},
        {"at_s": 240, "for_s": 86000, "do": "sensor_gain", "point": "feeder1.ia", "factor": 0.6},
    ],
}
HOSTILE = "<img src=x onerror=alert(1)>"
"""A unit, as a configuration may hold it: that of feeder1.`ODD`."""
ODD = "in"


def free_port() -> int:
    """Return a port of the loopback that nobody listens at."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Site:
    """Starts everything; `tokens` are those of anna, who may operate, and of ben, who may read."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tokens = folder, {name: secrets.token_urlsafe(24) for name in ("anna", "ben")}
        self.file, self.log = folder / "gateway.yaml", folder / "gateway.log"
        self.broker_port, self.page_port = free_port(), free_port()
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.page_port}"

    def start(self) -> None:
        """Return when the gateway has read its devices and told of the one that is dead."""
        program = (
            shutil.which("mosquitto")
            or shutil.which("mosquitto", path="/usr/sbin")
            or ROOT / ".peers/usr/sbin/mosquitto"
        )
        self._spawn("broker", str(program), "-p", str(self.broker_port))
        scenario = self.folder / "scenario.yaml"
        scenario.write_text(yaml.safe_dump(SCENARIO))
        self._spawn("substation", *COMMAND, "simulate", str(scenario), "--port", "0")
        self._configure(self._urls())
        self.start_gateway()
        self.wait(lambda: any(each["id"] == "feeder5/comm_lost" for each in self.ask("alarms")["alarms"]))
        self.wait(lambda: sum(each is not None for each in self.ask("values")["values"]) > 100)

    def start_gateway(self) -> None:
        """Return when the page answers."""
        self._spawn("gateway", *COMMAND, "run", str(self.file))
        self.wait(lambda: self.ask("health"))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the gateway; what ends it is waited for."""
        process = self._running["gateway"]
        process.send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            process.wait(PATIENCE_S)

    def stop(self) -> None:
        """End what was started, the gateway first."""
        for process in reversed(self._running.values()):
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.terminate()
            process.wait(PATIENCE_S)

    def ask(self, path: str, user: str = "anna") -> Any:
        """Return what the API answers."""
        asked = urllib.request.Request(
            f"{self.url}/api/v1/{path}", headers={"Authorization": f"Bearer {self.tokens[user]}"}
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.load(answer)

    def wait(self, holds: Callable[[], object]) -> None:
        """Wait until it holds; what is refused meanwhile counts as not yet."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with suppress(OSError, KeyError):
                if holds():
                    return
            ended = [name for name, process in self._running.items() if process.poll() is not None]
            assert not ended, f"{ended}: {self.log.read_text(errors='replace')[-3000:]}"
            assert time.monotonic() < deadline, self.log.read_text(errors="replace")[-3000:]
            time.sleep(0.1)

    def audit(self) -> str:
        """Return the audit log, as lines of JSON."""
        command = [*COMMAND, "status", str(self.file), "--audit", "--json"]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, env=_environment()).stdout

    def _spawn(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, env=_environment())

    def _urls(self) -> Mapping[str, str]:
        """Return where each bay speaks Modbus TCP, once the simulator has said so."""
        said = self.folder / "substation.log"
        self.wait(lambda: "ends it" in said.read_text())
        return dict(re.findall(r"^ +(\w+) +(tcp://\S+)", said.read_text(), re.MULTILINE))

    def _configure(self, urls: Mapping[str, str]) -> None:
        config = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())
        config["gateway"]["state_dir"] = str(self.folder / "state")
        config["uplink"]["url"] = f"mqtt://127.0.0.1:{self.broker_port}"
        config["devices"] = [{**each, "url": urls[each["name"]]} for each in config["devices"] if each["name"] in urls]
        next(each for each in config["devices"][0]["points"] if each["name"] == ODD)["unit"] = HOSTILE
        for user, token in self.tokens.items():
            path = self.folder / user
            path.touch(0o600)
            path.write_text(token)
        may = {"anna": "operate", "ben": "read"}
        config["page"] = {
            "listen": f"127.0.0.1:{self.page_port}",
            "users": [{"name": user, "token_file": str(self.folder / user), "may": may[user]} for user in self.tokens],
        }
        self.file.write_text(yaml.safe_dump(config, sort_keys=False))


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
