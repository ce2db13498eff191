"""The union of all detectors: adding one is a file, and a line here."""

from typing import Annotated, TypeAlias

from pydantic import Field

from detectors.comm_lost import CommLost
from detectors.limits import LimitsConfig
from detectors.rate import RateConfig
from detectors.stale import StaleConfig
from detectors.stuck import StuckConfig

AnyDetector: TypeAlias = Annotated[
    CommLost | LimitsConfig | RateConfig | StaleConfig | StuckConfig, Field(discriminator="detector")
]
