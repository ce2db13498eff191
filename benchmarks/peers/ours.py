"""GridSentinel: limits and a fastest change on every point, default checks, store on disk."""

import sys
from collections.abc import Iterator
from pathlib import Path

import points
from broker import Received

from peers.program import BENCH, Site, Start
from peers.scenario import Scenario


class GridSentinel:
    """One summary per device and window; `window_s=1` tells every reading."""

    publishes = True

    def __init__(self, name: str, *, window_s: int) -> None:
        self.name = name
        self.window_s = window_s
        told = "a reading is a poll that a summary counts" if window_s > 1 else "so every reading is told by itself"
        self.note = (
            f"one summary per device every {window_s} s, {told}; default checks, limits and fastest change on every "
            "point, everything on disk before it is sent; latency is that of the alarm"
        )

    def missing(self) -> str | None:
        """It is here."""
        return None

    def prepare(self, scenario: Scenario, site: Site) -> Start:
        """Write gateway.yaml."""
        file = site.folder / "gateway.yaml"
        devices = [
            points.device(f"d{number}", port, scenario.points, kind=scenario.kind, every_s=scenario.every_s)
            for number, port in enumerate(site.ports)
        ]
        state = site.folder / "state"
        points.write_devices(file, devices, broker=site.broker, state_dir=state, window_s=self.window_s)
        program = Path(sys.executable).parent / "gridsentinel"
        return Start([program, "run", file], {"PYTHONPATH": str(BENCH.parent)})  # this checkout, whatever is installed

    def readings(self, message: Received) -> int:
        """Count the polls in a summary."""
        if "/telemetry/" not in message.topic:
            return 0
        return sum(point["n"] for point in message.json["points"].values())

    def beyond(self, message: Received) -> Iterator[str]:
        """Yield the point of an alarm: its id is DEVICE/POINT/CHECK."""
        if message.topic.endswith("/alarm"):
            device, point, _ = message.json["id"].split("/")
            yield f"{device}/{point[1:]}"
