"""The demonstration's substation under attack: a gateway with a tap has learned what is normal, and strangers come.

Each attack has so long to be noticed; what counts are the alarms that arrive at the broker.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import yaml
from pydantic import TypeAdapter

from detectors.cyber.baseline import Baseline
from detectors.cyber.config import CyberConfig
from detectors.cyber.policy import Allowed
from gateway.config import Config
from gateway.core.rules import AlarmRules
from gateway.demo.stage import Heard, Scene, Stage, staged
from gateway.timeline import Timeline
from protocols.config import Device
from protocols.dnp3.config import Dnp3Device
from protocols.modbus.config import ModbusDevice
from protocols.tap.config import Spoken, TapDevice
from simulator.attacks.attack import Attack
from simulator.attacks.ground import GATEWAY, HMIS, WATCHED, Ground, ground
from simulator.attacks.hosts import HUB, ip
from simulator.attacks.insider import GATEWAY as OURSELVES
from simulator.configuration import HEAD, device
from simulator.scenario import parse
from simulator.substation import Substation
from simulator.truth import Truth

LEARN_S: Final = 8.0
QUIET_S: Final = 2.0
"""How long nothing may be said before the first attack."""
SETTLED_S: Final = 62.0
"""So long after its start a device may still bring what is old: what moves in it is not judged. And round trips are
learned by then."""
PATIENCE_S: Final = 12.0
"""How long an attack that is over may remain unnoticed."""
START_S: Final = 90.0
LOOK_S: Final = 0.05
EVERY_S: Final = 0.5
WATCHED_EVERY_S: Final = 0.1
"""At this pace five minutes of usual polling, which the check of round trips learns from, take half a minute."""
EVENTS_EVERY_S: Final = 0.5
SPOKEN: Final[Mapping[str, Spoken]] = {"modbus": "modbus", "dnp3": "dnp3", "iec61850": "mms", "opcua": "opcua"}
TELLER: Final = "feeder3"
CYBER: Final = "cyber"
TAP: Final = "tap"
SCENARIO: Final = """
name: attacks
about: An ordinary morning, until somebody plugs in.
seed: 7
start_hour: 9
speed: 20
"""


@dataclass
class Attempt:
    """An attack, and what was said of it: by kind of alarm the first, and the seconds until it arrived."""

    truth: Truth
    alarms: dict[str, Heard] = field(default_factory=dict)
    told: set[tuple[str, str]] = field(default_factory=set)

    @property
    def missed(self) -> Sequence[str]:
        """The checks that should have said something, and did not."""
        return [kind for kind in self.truth.kinds if kind not in self.alarms]

    def after_s(self, kind: str) -> float:
        """Return how long after the attack began the alarm arrived."""
        return (self.alarms[kind][0] - self.truth.begin_ns) / 1e9

    def take(self, heard: Heard) -> bool:
        """Take an alarm that is about this attack; return whether it is new, or worse than it was."""
        came_ns, alarm = heard
        source = alarm["evidence"].get("source", "")
        of_another = source.startswith("10.77.1.") and source != self.truth.source
        if alarm["detector"] != CYBER or not alarm["active"] or came_ns < self.truth.begin_ns or of_another:
            return False
        self.alarms.setdefault(alarm["kind"], heard)
        told = alarm["id"], alarm["severity"]
        new = told not in self.told
        self.told.add(told)
        return new


class Attacked(Scene):
    """Sets the stage on a hub, with a tap and the cyber checks. `ground` is there while it lasts."""

    ground: Ground

    def clock(self) -> Timeline:
        """Return a clock that all devices share, as they are on one computer: it is theirs, whatever it follows."""
        return Timeline(synchronised=lambda: True)

    @asynccontextmanager
    async def serve(self, stage: Stage) -> AsyncIterator[Substation]:
        """Serve the substation where strangers can reach it."""
        async with ground(stage.scenario) as self.ground:
            self.ground.gateway = stage.folder
            yield self.ground.substation

    def adapt(self, config: Config) -> Config:
        """Return the configuration with a tap at the hub, fast polls, and rules of who may do what."""
        ports = {port: SPOKEN[word] for word, bays in self.ground.places.items() for _, port in bays.values()}
        ports[self.ground.targets["iec104"][1]] = "iec104"
        tap = TapDevice(name=TAP, protocol="tap", interface=HUB, promiscuous="on", ports=ports)
        allow = (Allowed(source=GATEWAY, actions=("read", "discover", "session", "config", "time")),)
        cyber = CyberConfig(learn_s=LEARN_S, masters=HMIS, allow=allow)
        return replace(
            config,
            devices=(*map(_faster, (*config.devices, _teller(self.ground))), tap),
            detectors=(*(each for each in config.detectors if each.detector != CYBER), cyber),
            alarms=replace(config.alarms, flood_count=10_000) if config.alarms else AlarmRules(flood_count=10_000),
        )


@asynccontextmanager
async def attacked(*, settled: bool = False) -> AsyncIterator[tuple[Stage, Ground]]:
    """Set the stage, and wait until the gateway has learned what is normal, and is quiet.

    `settled`: until those checks too can judge that need more time.

    Raises:
        OSError: there can be no hosts here.
        TimeoutError: it does not come to rest.
    """
    ip("link", "set", "lo", "up")
    scene = Attacked()
    async with staged(parse(SCENARIO, "attacks.yaml"), None, scene) as stage:
        await _until(lambda: learned(stage), START_S + LEARN_S)
        await asyncio.sleep(SETTLED_S if settled else QUIET_S)
        if settled:
            await _until(lambda: _baseline(stage).knows("rtt_shift", f"{WATCHED} 0"), SETTLED_S)
        yield stage, scene.ground


def learned(stage: Stage) -> bool:
    """Return whether the gateway has seen both sides and learns no more."""
    plant = getattr(stage.gateway, "plant", None)
    if plant is None:
        return False
    baseline = _baseline(stage)
    now_ns = stage.gateway.clock()
    return baseline.share("new_talker", now_ns) >= 1 and all(
        baseline.share(view, now_ns) >= 1 for view in ("own", "wire")
    )


async def attempt(
    stage: Stage,
    on: Ground,
    attack: Attack,
    *,
    patience_s: float = PATIENCE_S,
    linger_s: float = 0.0,
    tell: Callable[[Heard], Any] | None = None,
) -> Attempt:
    """Let a stranger attack until all that must be said is said, or patience is at an end.

    `tell` is told of each alarm of it as it arrives; it is listened for `linger_s` longer.
    """
    begun: asyncio.Future[Attempt] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(on.carry_out(attack, lambda truth: begun.set_result(Attempt(truth))))
    made, over, since = await begun, 0.0, time.monotonic()
    seen = {id(each[1]) for each in stage.heard}
    while True:
        for heard in [each for each in stage.heard if id(each[1]) not in seen]:
            seen.add(id(heard[1]))
            if made.take(heard) and tell is not None:
                tell(heard)
        if not made.missed and time.monotonic() >= since + linger_s:
            break
        since = time.monotonic() if made.missed else since
        if task.done() and not over:
            over = time.monotonic()
            if made.truth.target == OURSELVES:
                stage.gateway.look_at_itself()
        if over and time.monotonic() - over > patience_s:
            break
        await asyncio.sleep(LOOK_S)
    task.cancel()
    try:
        made.truth = await task
    except asyncio.CancelledError:
        made.truth = replace(made.truth, end_ns=time.time_ns())
    return made


def _baseline(stage: Stage) -> Baseline:
    return stage.gateway.plant.pipeline.baselines()[CYBER]


def _teller(on: Ground) -> Device:
    """Return an outstation that has events all the time, which the voltages of the demonstration seldom are."""
    url = "tcp://{}:{}".format(*on.places["dnp3"][TELLER])
    [made] = TypeAdapter(Config).validate_python(yaml.safe_load(HEAD + device("dnp3", TELLER, url))).devices
    return made


def _faster(device: Device) -> Device:
    if isinstance(device, ModbusDevice) and device.url.startswith("tcp"):
        return replace(device, every_s=WATCHED_EVERY_S if device.name == WATCHED else EVERY_S, identify="ask")
    if isinstance(device, Dnp3Device):
        return replace(device, unsolicited=False, events_every_s=EVENTS_EVERY_S)
    return device


async def _until(holds: Callable[[], bool], for_s: float) -> None:
    async with asyncio.timeout(for_s):
        while not holds():  # noqa: ASYNC110 - what is waited for is in another task's hands
            await asyncio.sleep(LOOK_S)
