"""The configuration that the daemon runs on in the test, and in words what is different in it, for the report."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from detectors.config import ALWAYS, AnyDetector
from detectors.detector import DetectorConfig
from gateway.config import Config
from gateway.core.rules import AlarmRules
from gateway.fat.copied import redirected, untold

WINDOW_S = 2.0
"""A value is told at the end of its window: the shorter it is, the sooner a step is over."""
LOOKING = frozenset({"comm_lost", "limits", "refused", "stale"})
"""Checks that look in the test. The others judge values by physics or by what is usual, which driven values are not."""
NEVER = 1000
"""So many alarms are neither chatter nor a flood."""
DIFFERENT = (
    f"windows are {WINDOW_S:g} s long, so that values are told sooner",
    "the broker is one of this machine, without TLS and a primary host",
    "links to devices are without TLS, certificates and passwords",
    "alarms are neither counted as chatter or a flood nor suppressed by design: each test must be told of",
    f"only the checks {', '.join(sorted(LOOKING))} look; rates, physics and what is learned are not tested",
    "recorder, evidence and metrics are off",
)
LIMITS_OF_THE_TEST = (
    "the devices are simulated from this configuration: where it is wrong about a real device, this cannot show",
    "nothing is said of instrument transformers, wiring, relays, and the network of the site",
)


def adapted(config: Config, places: Mapping[str, int | str], *, broker_port: int, folder: Path) -> Config:
    """Return the configuration of the daemon: devices as they are served at `places`, a broker of this machine."""
    rules = AlarmRules(
        chatter_count=NEVER, fleeting_count=NEVER, flood_count=10 * NEVER, suppression="never",
        incident_s=config.alarms.incident_s,
    )  # fmt: skip
    uplink = replace(
        config.uplink, url=f"mqtt://127.0.0.1:{broker_port}", primary_host=None,
        window_s=min(WINDOW_S, config.uplink.window_s), username=None, password_file=None, ca_file=None, cert_file=None,
        key_file=None,
    )  # fmt: skip
    return replace(
        config,
        gateway=replace(config.gateway, state_dir=folder / "state"),
        uplink=uplink,
        recorder=None,
        evidence=None,
        metrics=None,
        include=(),
        alarms=rules,
        devices=redirected(config.devices, places, "127.0.0.1"),
        detectors=tuple(_detectors(config)),
    )


def _detectors(config: Config) -> list[AnyDetector]:
    """Return those of `LOOKING` as they are configured, and the others switched off."""
    kept = [each for each in config.detectors if each.detector in LOOKING]
    kept = [each for each in kept if _has_points(config, each)]
    always = [kind() for kind in ALWAYS]
    return [*kept, *(replace(each, enabled=False) for each in always if each.detector not in LOOKING)]


def _has_points(config: Config, detector: DetectorConfig) -> bool:
    """Whether a device that is stood in for has points that `detector` names: a pattern must match something."""
    from protocols.points import Points  # noqa: PLC0415 - arrays, only where they are needed

    points = Points.of([(device, device.points) for device in config.devices if not untold(device)])
    return len(points.matching(detector.points)) > 0
