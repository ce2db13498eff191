"""The union of all detectors: adding one is a file, and a line here."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated, TypeAlias

from detectors.assets.breaker import BreakerConfig
from detectors.assets.dissolved_gas import DissolvedGasConfig
from detectors.assets.tap_changer import TapChangerConfig
from detectors.assets.thermal import ThermalConfig
from detectors.assets.trend import TrendConfig
from detectors.comm_lost import CommLost
from detectors.cyber.config import CyberConfig
from detectors.daily.config import DailyConfig
from detectors.detector import Detector
from detectors.deviation.config import DeviationConfig
from detectors.forecast.config import ForecastConfig
from detectors.group.config import GroupConfig
from detectors.kept import Kept
from detectors.limits import LimitsConfig
from detectors.pattern.config import PatternConfig
from detectors.physics.config import BalanceConfig, ConsistencyConfig, OverloadConfig, UnbalanceConfig
from detectors.rate import RateConfig
from detectors.refused import RefusedConfig
from detectors.replay.config import ReplayConfig
from detectors.stale import StaleConfig
from detectors.stuck import StuckConfig
from detectors.supply.config import SupplyConfig
from detectors.tflite.config import TfliteConfig
from protocols.points import Points
from protocols.settings import Field

AnyDetector: TypeAlias = Annotated[
    BalanceConfig
    | BreakerConfig
    | CommLost
    | ConsistencyConfig
    | CyberConfig
    | DailyConfig
    | DeviationConfig
    | DissolvedGasConfig
    | ForecastConfig
    | GroupConfig
    | LimitsConfig
    | OverloadConfig
    | PatternConfig
    | RateConfig
    | RefusedConfig
    | ReplayConfig
    | StaleConfig
    | StuckConfig
    | SupplyConfig
    | TapChangerConfig
    | TfliteConfig
    | ThermalConfig
    | TrendConfig
    | UnbalanceConfig,
    Field(discriminator="detector"),
]

ALWAYS: tuple[Callable[[], AnyDetector], ...] = (
    CommLost,
    GroupConfig,
    RefusedConfig,
    StaleConfig,
    LimitsConfig,
    RateConfig,
    ThermalConfig,
    DissolvedGasConfig,
    TapChangerConfig,
    BreakerConfig,
    TrendConfig,
    BalanceConfig,
    ConsistencyConfig,
    UnbalanceConfig,
    OverloadConfig,
    ForecastConfig,
    SupplyConfig,
    DailyConfig,
    ReplayConfig,
    DeviationConfig,
    PatternConfig,
    CyberConfig,
)
"""These look at every gateway unless the configuration says otherwise."""


def chosen(configured: Sequence[AnyDetector]) -> list[AnyDetector]:
    """Return what looks: of those that always do what is not named in `configured`, and what is; none that is off."""
    named = {config.detector for config in configured}
    always = (kind() for kind in ALWAYS)
    return [each for each in (*(each for each in always if each.detector not in named), *configured) if each.enabled]


def build(configured: Sequence[AnyDetector], points: Points, timezone: str = "UTC") -> dict[str, Sequence[Detector]]:
    """Make the detectors by name: what is configured, and of those that always look what is not named there."""
    built: dict[str, list[Detector]] = {}
    for config in (each.at(timezone) for each in chosen(configured)):
        detector = config.build(points)
        if isinstance(detector, Kept):
            detector.made_by = hashlib.sha256(config.identity().encode()).hexdigest()[:16]
        built.setdefault(config.detector, []).append(detector)
    return dict(built)
