"""One factory acceptance test from begin to end.

copy of the devices ──► gridsentinel run ──MQTT──► broker ──► consumer, which knows the documented payloads only
  ▲ driven                                                      │ compared
  └────────────────────────── plan ─────────────────────────────┘
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway import __version__
from gateway.config import Config
from gateway.description import fingerprint
from gateway.fat import limits, links, whole
from gateway.fat.adapted import WINDOW_S, adapted
from gateway.fat.bench import SETTLED_S, Bench
from gateway.fat.broker import HOST, broker
from gateway.fat.consumer import consuming
from gateway.fat.copied import spoken, subjects, text, untold
from gateway.fat.daemon import daemon, ended
from gateway.fat.heard import Heard, Tamper
from gateway.fat.host import Host, as_metric
from gateway.fat.plan import plan, steps_of
from gateway.fat.row import Row, Verdict, of
from gateway.fat.subject import Subject
from gateway.fat.values import Ranges, at_rest, has_quality, qualities
from protocols.config import Device
from simulator.standin.copy import serve

START_S = 10.0
"""What it takes until the gateway has started, about."""
START_MOST_S = 180.0
"""What it takes at most, on a machine that has other things to do."""
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: the rows, where and of what, from when to when (ns since 1970), by which broker."""

    rows: Sequence[Row]
    site: str
    gateway: str
    fingerprint: str
    version: str
    broker: str
    messages: int
    begin_ns: int
    end_ns: int


class Trial:
    """Tests one configuration. `served` is what the devices truly are, and `running` what the daemon is given.

    Both are the configuration itself; they differ in tests of the test, where a fault is seeded.
    """

    def __init__(
        self,
        config: Config,
        *,
        served: Config | None = None,
        running: Config | None = None,
        tamper: Tamper | None = None,
        patience_s: float = PATIENCE_S,
        tell: Callable[[str], None] = print,
    ) -> None:
        self.config, self._served, self._running = config, served or config, running or config
        self._tamper, self._patience_s, self._tell = tamper, patience_s, tell
        self.subjects = subjects(config)
        self.devices: list[Device] = [device for device in config.devices if not untold(device)]
        names = {device.name for device in self.devices}
        self.driven = [subject for subject in self.subjects if subject.device in names]

    @property
    def duration_s(self) -> float:
        """About how long it takes; seconds."""
        able = [subject for subject in self.driven if not subject.why_not]
        step_s = max((subject.latency_s for subject in able), default=0.0) + WINDOW_S
        judged = any(has_quality(each, self._protocols[each.device]) for each in able)
        steps = steps_of(plan(able)) + 2 + 2 * judged
        crossing_s = max(map(limits.duration_s, limits.judged(able)), default=0.0)
        after_s = max((after_s for after_s, _ in links.rules(self.config, self.devices).values()), default=0.0)
        return START_S + steps * step_s + crossing_s + links.duration_s(self.devices, after_s)

    @property
    def _protocols(self) -> dict[str, str]:
        return {device.name: device.protocol for device in self.devices}

    async def run(self) -> Outcome:
        """Carry it out.

        Raises:
            NoBroker, Ended, OSError: it cannot be carried out here; says why.
        """
        begin_ns = time.time_ns()
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="gridsentinel-fat-")))
            copy = await stack.enter_async_context(serve(spoken(self._served.devices, subjects(self._served))))
            port, which = await stack.enter_async_context(broker(folder))
            identity = self.config.gateway
            prefix = f"gridsentinel/{identity.site}/{identity.name}"
            plain = self.config.uplink.format == "json"
            heard = Heard(prefix, self._tamper, host=None if plain else Host(prefix))
            topic = f"{prefix}/#" if plain else f"spBv1.0/{identity.site}/+/{identity.name}/#"
            await stack.enter_async_context(consuming(HOST, port, topic, heard.take))
            config = adapted(self._running, copy.places, broker_port=port, folder=folder)
            (folder / "gateway.yaml").write_text(text(config), encoding="utf-8")
            bench = Bench(copy, heard, window_s=config.uplink.window_s, patience_s=self._patience_s, tell=self._tell)
            bench.rows.extend(self._not_driven())
            await self._with_daemon(bench, folder)
            bench.rows.append(await self._complete(heard))
        return Outcome(
            rows=self._ordered(bench.rows),
            site=identity.site,
            gateway=identity.name,
            fingerprint=fingerprint(self.config),
            version=__version__,
            broker=which,
            messages=heard.messages,
            begin_ns=begin_ns,
            end_ns=time.time_ns(),
        )

    def _ordered(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return the rows in the order of the configuration: the gateway, then each device, then its points."""
        devices = {device.name: place for place, device in enumerate(self.config.devices)}
        points = {(each.device, each.point.name): each.rank for each in self.subjects}
        return sorted(rows, key=lambda row: (devices.get(row.device, -1), points.get((row.device, row.point), -1)))

    async def _with_daemon(self, bench: Bench, folder: Path) -> None:
        """Run the daemon, and the tests beside a watch on it: they end when it does."""
        log = folder / "gateway.log"
        async with daemon(folder / "gateway.yaml", log) as process:
            tests = asyncio.create_task(self._tests(bench), name="fat:tests")
            over = asyncio.create_task(process.wait(), name="fat:daemon")
            try:
                await asyncio.wait({tests, over}, return_when=asyncio.FIRST_COMPLETED)
                gone = ended(process, log)
                if gone is not None:
                    raise gone
                await tests
            finally:
                tests.cancel()
                over.cancel()
                await asyncio.gather(tests, over, return_exceptions=True)

    async def _tests(self, bench: Bench) -> None:
        self._tell("waiting for the gateway")
        await _begun(bench.heard)
        await at_rest(bench, self.driven)
        types = str if self.config.uplink.format == "json" else as_metric
        bench.rows.append(whole.born(bench.heard, self.devices, self.subjects, types=types))
        bench.unwell.clear()
        await Ranges(bench, self.driven).run()
        await at_rest(bench, self.driven)
        await limits.limits(bench, self.driven, self._limits_on())
        await qualities(bench, self.driven, self._protocols)
        await links.Links(bench, self.config, self.devices, self.driven).run()

    def _limits_on(self) -> frozenset[str]:
        """Return the points whose limits are judged by the configuration."""
        from detectors.config import chosen  # noqa: PLC0415
        from protocols.points import Points  # noqa: PLC0415

        points = Points.of([(device, device.points) for device in self.config.devices])
        judging = (each for each in chosen(self.config.detectors) if each.detector == "limits")
        return frozenset(points.label(int(row)) for each in judging for row in points.matching(each.points))

    def _not_driven(self) -> list[Row]:
        """Return what cannot be tested at all, and why."""
        rows = [
            Row(device=device.name, test="device", expected="", seen="", verdict=Verdict.NOT_TESTED, remark=why)
            for device in self.config.devices
            if (why := untold(device))
        ]
        return rows + [_not_driven(subject) for subject in self.driven if subject.why_not]

    async def _complete(self, heard: Heard) -> Row:
        """Wait for what is on its way when the gateway has stopped, and count."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience_s
        while whole.complete(heard).verdict is Verdict.FAIL and loop.time() < until:
            await heard.news(SETTLED_S)
        return whole.complete(heard)


async def _begun(heard: Heard) -> None:
    """Wait for the birth message, for as long as a busy machine may take to start the gateway."""
    loop = asyncio.get_running_loop()
    until = loop.time() + START_MOST_S
    while heard.birth is None and loop.time() < until:
        await heard.news(SETTLED_S)


def _not_driven(subject: Subject) -> Row:
    return of(subject, "value", "", "", Verdict.NOT_TESTED, subject.why_not)
