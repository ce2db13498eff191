"""What can happen in a scenario: one class a kind of step, each knows how it begins and ends, and what finds it."""

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from protocols.settings import Field
from simulator.steps.assets import BreakerWear, CoolingFailure, IncipientGas, Overload, TapHunting
from simulator.steps.attacks import Replay, SlowInjection
from simulator.steps.events import (
    Coupler,
    FeederTrip,
    FrequencyExcursion,
    LoadStep,
    OverVoltage,
    TapChange,
    VoltageUnbalance,
)
from simulator.steps.instruments import (
    CtReversed,
    SensorDrift,
    SensorGain,
    SensorNoise,
    SensorSign,
    SensorSpike,
    StuckSensor,
    SwappedPhases,
    SwappedPoints,
    VtFuse,
)
from simulator.steps.intrusions import (
    ClockStep,
    CoordinatedTrip,
    DeviceRestart,
    ForgedTrip,
    FrozenCounter,
    ManInTheMiddle,
    OtherFirmware,
    StolenCoil,
    StrangeExceptions,
    UnaskedReports,
    WrongUnit,
)
from simulator.steps.servers import ANSWERS, BadAnswers, IllegalAddress, SlowUnit
from simulator.steps.step import Stage, Step

__all__ = ["STEPS", "AnyStep", "Stage", "Step"]

STEPS: Mapping[str, type[Step]] = {
    "over_voltage": OverVoltage,
    "feeder_trip": FeederTrip,
    "load_step": LoadStep,
    "tap_change": TapChange,
    "coupler": Coupler,
    "voltage_unbalance": VoltageUnbalance,
    "frequency_excursion": FrequencyExcursion,
    "stuck_sensor": StuckSensor,
    "sensor_gain": SensorGain,
    "sensor_sign": SensorSign,
    "sensor_drift": SensorDrift,
    "sensor_spike": SensorSpike,
    "sensor_noise": SensorNoise,
    "swapped_points": SwappedPoints,
    "swapped_phases": SwappedPhases,
    "ct_reversed": CtReversed,
    "vt_fuse": VtFuse,
    "replay": Replay,
    "slow_injection": SlowInjection,
    "overload": Overload,
    "cooling_failure": CoolingFailure,
    "tap_hunting": TapHunting,
    "incipient_gas": IncipientGas,
    "breaker_wear": BreakerWear,
    **dict.fromkeys(ANSWERS, BadAnswers),
    "slow_unit": SlowUnit,
    "illegal_address": IllegalAddress,
    "clock_step": ClockStep,
    "coordinated_trip": CoordinatedTrip,
    "restart_unit": DeviceRestart,
    "forged_trip": ForgedTrip,
    "frozen_counter": FrozenCounter,
    "man_in_the_middle": ManInTheMiddle,
    "other_firmware": OtherFirmware,
    "stolen_coil": StolenCoil,
    "strange_exceptions": StrangeExceptions,
    "unasked_reports": UnaskedReports,
    "wrong_unit": WrongUnit,
}
AnyStep: TypeAlias = Annotated[
    OverVoltage
    | FeederTrip
    | LoadStep
    | TapChange
    | Coupler
    | VoltageUnbalance
    | FrequencyExcursion
    | StuckSensor
    | SensorGain
    | SensorSign
    | SensorDrift
    | SensorSpike
    | SensorNoise
    | SwappedPoints
    | SwappedPhases
    | CtReversed
    | VtFuse
    | Replay
    | SlowInjection
    | Overload
    | CoolingFailure
    | TapHunting
    | IncipientGas
    | BreakerWear
    | BadAnswers
    | SlowUnit
    | IllegalAddress
    | ClockStep
    | CoordinatedTrip
    | DeviceRestart
    | ForgedTrip
    | FrozenCounter
    | ManInTheMiddle
    | OtherFirmware
    | StolenCoil
    | StrangeExceptions
    | UnaskedReports
    | WrongUnit,
    Field(discriminator="do"),
]
