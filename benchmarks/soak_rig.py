"""What a soak runs: the daemon with a hurried clock, a consumer that counts, and a configuration that alternates."""

import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from station import as_the_unit

from simulator.configuration import Urls, device
from simulator.meter import BAYS

HERE = Path(__file__).resolve().parent
CONSUMER = HERE.parent / "docs" / "examples" / "consumer.py"
PATIENCE_S = 60.0
"""Real seconds that a start or a stop may take on a busy machine."""
SLOW_S = 60
"""Time-outs, in the daemon's seconds: to it everything else is as slow as its clock is fast."""
NS = 1_000_000_000
WAYS, OTHERS = ("modbus", "dnp3", "iec61850", "opcua"), "bus1"
"""What is spoken: every bay by the first, one bay by each of the others as well."""


class Rig:
    """The daemon and its consumer in `folder`.

    `lives` is how often the daemon was started; `settling` makes it send its backlog and its status fast.
    """

    def __init__(self, folder: Path, *, urls: Urls, port: int, broker: int, days: float, speed: float) -> None:
        self.file, self.log, self.state = (folder / name for name in ("gateway.yaml", "gateway.log", "state"))
        self.speed, self.lives, self.settling = speed, 0, False
        self._urls, self._port, self._broker, self._folder = urls, port, broker, folder
        self._offset = folder / "offset"
        self._began_ns = time.monotonic_ns()
        self._wall_ns = time.time_ns() - int(days * 86_400 * NS)
        self._daemon: subprocess.Popen[bytes] | None = None
        self._consumer: subprocess.Popen[bytes] | None = None
        self.set_clock(0.0)

    @property
    def pid(self) -> int:
        """The daemon's process."""
        assert self._daemon is not None
        return self._daemon.pid

    @property
    def now_s(self) -> float:
        """Simulated seconds since the beginning."""
        return (time.monotonic_ns() - self._began_ns) / NS * self.speed

    def set_clock(self, offset_s: float) -> None:
        """Let the daemon's wall clock be `offset_s` ahead of what it should be."""
        if not self._offset.exists():
            self._offset.write_bytes(bytes(8))
        with self._offset.open("r+b") as file:
            file.write(struct.pack("d", offset_s))

    def configure(self, *, every_s: float, window_s: float, variant: int) -> None:
        """Write the configuration; the second `variant` lacks a bay, and has other dead-bands and rules."""
        bays = list(BAYS)[: len(BAYS) - variant]
        ways = [("modbus", bay) for bay in bays] + [(way, OTHERS) for way in WAYS if way != "modbus"]
        devices: list[dict[str, Any]] = [yaml.safe_load(device(way, b, self._urls[way][b]))[0] for way, b in ways]
        for each in devices:
            each |= {"every_s": every_s, "timeout_s": SLOW_S}
            for point in each["points"]:
                if variant and "deadband" in point:
                    point["deadband"] *= 2
        uplink = {"url": f"mqtt://127.0.0.1:{self._port}", "window_s": window_s, "status_every_s": 60}
        patience = {"keepalive_s": 3600, "connect_timeout_s": 120, "retry_max_s": 60, "backlog_rate_per_s": 5}
        if self.settling:
            patience = {"status_every_s": 1, "backlog_rate_per_s": 2000}
        config = {
            "gateway": {"site": "soak", "name": "gw", "state_dir": str(self.state)},
            "uplink": {**uplink, **patience},
            "store": {"max_bytes": "64MiB", "commit_s": 5},
            "recorder": {"max_bytes": "8MiB", "every_s": 60},
            "alarms": {"chatter_count": 5 + variant},
            "log": {"format": "json"},
            "devices": devices,
        }
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(config, indent=1))
        fresh.replace(self.file)

    def start(self, *, hurried: bool = True) -> None:
        """Start the daemon, and wait until it can be asked."""
        clock = [str(self.speed), str(self._began_ns), str(self._wall_ns), str(self._offset)]
        alone = ["-c", "from gateway.cli import main; raise SystemExit(main())"]
        words = [str(HERE / "hurried.py"), *clock] if hurried else alone
        (self.state / "status.sock").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            command = [sys.executable, *words, "run", self.file]
            self._daemon = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | as_the_unit())
        self.lives += 1
        deadline = time.monotonic() + PATIENCE_S
        while not (self.state / "status.sock").exists():
            self.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"the daemon does not answer:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def check(self) -> None:
        """Raise RuntimeError if the daemon is gone."""
        if self._daemon is not None and self._daemon.poll() is not None:
            raise RuntimeError(f"the daemon ended with {self._daemon.returncode}:\n{self.log.read_text()[-3000:]}")

    def reload(self) -> None:
        """Tell the daemon to read its configuration again."""
        os.kill(self.pid, signal.SIGHUP)

    def kill(self) -> None:
        """End the daemon as a power cut would, but for the disk."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the daemon as systemd would."""
        if code := self._end(signal.SIGTERM):
            raise RuntimeError(f"a stop ended with {code}:\n{self.log.read_text()[-3000:]}")

    def listen(self) -> None:
        """Start the consumer of docs/examples; the broker keeps its session."""
        words = [f"mqtt://127.0.0.1:{self._broker}", "soak", "gw", "--state", str(self._folder / "book.json")]
        with (self._folder / "consumer.log").open("ab") as log:
            self._consumer = subprocess.Popen([sys.executable, CONSUMER, *words], stdout=log, stderr=log)

    def account(self, for_s: float) -> tuple[int, dict[str, Any]]:
        """Let the consumer go on until all that was given out has come; return its exit code and report."""
        assert self._consumer is not None
        self._consumer.send_signal(signal.SIGTERM)
        self._consumer.wait(PATIENCE_S)
        words = [f"mqtt://127.0.0.1:{self._broker}", "soak", "gw", "--state", str(self._folder / "book.json")]
        until = ["--until-complete", "--seconds", str(for_s)]
        done = subprocess.run([sys.executable, CONSUMER, *words, *until], stdout=subprocess.PIPE, check=False)
        return done.returncode, json.loads(done.stdout)

    def close(self) -> None:
        """End what still runs."""
        for process in (self._daemon, self._consumer):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()

    def _end(self, number: signal.Signals) -> int:
        assert self._daemon is not None
        self._daemon.send_signal(number)
        return self._daemon.wait(PATIENCE_S)
