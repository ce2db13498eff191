"""Takes the communication of devices away and gives it back: each is told, and no other device is.

In each round another half of the devices is silent: round k those whose number has bit k. So each is silent at least
once, and any two devices differ in some round.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence

from gateway.config import Config
from gateway.fat.bench import SETTLED_S, Bench, quality
from gateway.fat.host import Message
from gateway.fat.row import Row, Verdict
from gateway.fat.subject import Subject
from gateway.number import number_of
from protocols.config import Device
from protocols.model import Quality

COMM_LOST = int(Quality.COMM_LOST)


class Links:
    """The devices that are stood in for; those of one station or one server are lost together."""

    def __init__(self, bench: Bench, config: Config, devices: Sequence[Device], subjects: Sequence[Subject]) -> None:
        self._bench, self._config, self._devices = bench, config, devices
        self._points = {device.name: [each for each in subjects if each.device == device.name] for device in devices}
        self._group = _groups(devices)
        self._rules = rules(config, devices)
        self._failed: dict[tuple[str, str], str] = {}
        self._seen: dict[tuple[str, str], str] = {}

    @property
    def rounds(self) -> int:
        """How many rounds it takes."""
        return max(self._group.values(), default=0).bit_length()

    async def run(self) -> None:
        """Go through all rounds, and enter the results of each device."""
        for number in range(self.rounds):
            silent = [device for device in self._devices if self._group[device.name] >> number & 1]
            self._bench.tell(
                f"communication lost, round {number + 1} of {self.rounds}: {number_of(len(silent), 'device')}"
            )
            await self._round(silent)
        for device in self._devices:
            self._rows(device)

    async def _round(self, silent: Sequence[Device]) -> None:
        begun_ns = time.time_ns()
        await self._hush(silent, silent=True)
        async with asyncio.TaskGroup() as group:
            for device in silent:
                group.create_task(self._lost(device, begun_ns))
        await asyncio.sleep(SETTLED_S)
        names = {device.name for device in silent}
        for device in self._devices:
            if device.name not in names and self._bench.heard.is_active(f"{device.name}/comm_lost"):
                self._fail(device, "lost", f"told as lost while it answered and {', '.join(sorted(names)[:3])} did not")
        back_ns = time.time_ns()
        await self._hush(silent, silent=False)
        async with asyncio.TaskGroup() as group:
            for device in silent:
                group.create_task(self._back(device, back_ns))

    async def _hush(self, devices: Sequence[Device], *, silent: bool) -> None:
        for device in devices:
            await self._bench.copy.hush(device.name, silent=silent)

    async def _lost(self, device: Device, begun_ns: int) -> None:
        rule = self._rules.get(device.name)
        if rule is None:
            return
        after_s, severity = rule
        within_s = after_s + device.interval_s + 3 * device.timeout_s + self._bench.patience_s
        alarm = await self._bench.heard.alarm(
            f"{device.name}/comm_lost", active=True, since_ns=begun_ns, within_s=within_s
        )
        if alarm is None:
            self._fail(device, "lost", "no alarm")
            return
        self._seen[device.name, "lost"] = str(alarm["text"])
        should = {"severity": severity, "state": "active_unacked", "kind": "comm_lost", "device": device.name}
        for wrong in (f"{key} is {alarm[key]}, not {value}" for key, value in should.items() if alarm[key] != value):
            self._fail(device, "lost", wrong)
        await self._marked(device)

    async def _marked(self, device: Device) -> None:
        """Look whether every point of a lost device is told with that flag."""
        loop = asyncio.get_running_loop()
        until = loop.time() + 2 * self._bench.window_s + self._bench.patience_s
        open_ = self._points[device.name]
        while open_ and loop.time() < until:
            words = ((each, self._bench.heard.points.get(each.name)) for each in open_)
            open_ = [each for each, word in words if word is None or not word.quality & COMM_LOST]
            if open_:
                await self._bench.heard.news(0.25)
        if open_:
            self._fail(device, "points", f"{len(open_)} points are not told as comm_lost, as {open_[0].name}")
        self._seen[device.name, "points"] = f"{len(self._points[device.name]) - len(open_)} points"

    async def _back(self, device: Device, back_ns: int) -> None:
        if device.name not in self._rules:
            return
        within_s = self._config.poll.retry_max_s + device.interval_s + self._bench.patience_s
        alarm: Message | None = await self._bench.heard.alarm(
            f"{device.name}/comm_lost", active=False, since_ns=back_ns, within_s=within_s
        )
        if alarm is None:
            self._fail(device, "back", "the alarm is still active")
        else:
            self._seen[device.name, "back"] = str(alarm["text"])

    def _fail(self, device: Device, test: str, why: str) -> None:
        self._failed.setdefault((device.name, test), why)

    def _rows(self, device: Device) -> None:
        tests = {
            "lost": ("communication lost", "alarm comm_lost of this device, of no other"),
            "points": ("points of a lost device", f"{quality(COMM_LOST)} of each"),
            "back": ("communication back", "the alarm returns"),
        }
        for key, (test, expected) in tests.items():
            seen, why = self._seen.get((device.name, key), ""), self._failed.get((device.name, key), "")
            verdict = Verdict.FAIL if why or not seen else Verdict.PASS
            if device.name not in self._rules:
                verdict, why = Verdict.NOT_TESTED, "the check comm_lost is switched off for it"
            self._bench.rows.append(
                Row(device=device.name, test=test, expected=expected, seen=seen, verdict=verdict, remark=why)
            )


def _groups(devices: Sequence[Device]) -> Mapping[str, int]:
    """Return the number of each device, from 1; the same for those that cannot be silent alone."""
    numbers: dict[object, int] = {}
    found = {}
    for device in devices:
        station = getattr(device, "unit", getattr(device, "outstation", None))
        found[device.name] = numbers.setdefault((device.protocol, device.endpoint, station), len(numbers) + 1)
    return found


def rules(config: Config, devices: Sequence[Device]) -> Mapping[str, tuple[float, str]]:
    """Return after how long each device is told as lost, and how severe that is; of those that are watched."""
    from detectors.comm_lost import CommLost  # noqa: PLC0415
    from detectors.config import chosen  # noqa: PLC0415
    from protocols.points import Points  # noqa: PLC0415

    points = Points.of([(device, device.points) for device in devices])
    found: dict[str, tuple[float, str]] = {}
    for each in chosen(config.detectors):
        if isinstance(each, CommLost):
            for row in points.matching(each.points):
                found.setdefault(points.device(int(row)), (each.after_s, each.severity))
    return found


def duration_s(devices: Sequence[Device], after_s: float) -> float:
    """Return how long all rounds take, about; seconds."""
    rounds = max(_groups(devices).values(), default=0).bit_length()
    return rounds * (after_s + 3 * max((device.timeout_s for device in devices), default=0.0) + 5.0)
