"""Attacks of one who is in already: he has taken over a device, or the gateway itself, and nothing passes the wire.

What he does to devices are the steps of scenarios, so that a scenario and the menu have the same.
"""

import asyncio
from collections.abc import Mapping
from typing import ClassVar, Final

from pydantic import TypeAdapter

from simulator.attacks.attack import Attack, Field
from simulator.steps import AnyStep

GATEWAY: Final = "gateway"
STEPS: Final[TypeAdapter[AnyStep]] = TypeAdapter(AnyStep)


class Insider(Attack):
    """Does the step of scenarios of its name. `STEP` are its other keys, `FOR_S` how long it lasts in real seconds."""

    STEP: ClassVar[Mapping[str, object]] = {}
    FOR_S: ClassVar[float] = 10.0

    def __init__(self) -> None:
        self._step: AnyStep = STEPS.validate_python({"at_s": 0, "for_s": self.FOR_S, "do": self.NAME, **self.STEP})

    @property
    def text(self) -> str:
        """What is done, for people."""
        return self._step.text

    def target(self, on: Field) -> str:  # noqa: ARG002 - the interface
        """Return the bays whose devices were taken over."""
        return " ".join(self._step.devices)

    async def run(self, on: Field) -> None:
        """Let it begin, last, and end."""
        if on.stage is None:
            raise LookupError("this attack needs devices, and the field has none")
        self._step.begin(on.stage)
        try:
            await asyncio.sleep(self.FOR_S)
        finally:
            self._step.end(on.stage)


class DelayedAnswers(Insider):
    """Every answer comes 100 ms later, as when somebody hands it on."""

    NAME = "man_in_the_middle"
    CHECKS = ("rtt_shift",)
    STEP: ClassVar[Mapping[str, object]] = {"unit": "feeder1", "delay_s": 0.1}
    FOR_S = 30.0


class WrongUnit(Insider):
    """Answers bear another unit than was asked."""

    NAME = "wrong_unit"
    CHECKS = ("wrong_unit_or_exception",)
    STEP: ClassVar[Mapping[str, object]] = {"unit": "feeder3"}


class StrangeExceptions(Insider):
    """Every request is refused with an exception that the device never used."""

    NAME = "strange_exceptions"
    CHECKS = ("wrong_unit_or_exception",)
    STEP: ClassVar[Mapping[str, object]] = {"unit": "feeder4"}


class OtherFirmware(Insider):
    """A device comes back with another firmware."""

    NAME = "other_firmware"
    CHECKS = ("identity_change",)
    STEP: ClassVar[Mapping[str, object]] = {"unit": "feeder5"}


class RestartedDevice(Insider):
    """An outstation is restarted."""

    NAME = "restart_unit"
    CHECKS = ("device_restart",)
    STEP: ClassVar[Mapping[str, object]] = {"unit": "bus1"}


class ClockStep(Insider):
    """The clock of an outstation is set five minutes ahead."""

    NAME = "clock_step"
    CHECKS = ("clock_jump",)
    STEP: ClassVar[Mapping[str, object]] = {"unit": "feeder3", "by_s": 300}
    FOR_S = 40.0


class UnaskedReports(Insider):
    """An outstation reports although that was switched off."""

    NAME = "unasked_reports"
    CHECKS = ("unexpected_unsolicited",)
    STEP: ClassVar[Mapping[str, object]] = {"unit": "bus2"}
    FOR_S = 40.0


class ForgedTrip(Insider):
    """A breaker is told open, and its current flows on."""

    NAME = "forged_trip"
    CHECKS = ("trip_without_cause",)
    STEP: ClassVar[Mapping[str, object]] = {"feeder": "feeder2"}


class StolenCoil(Insider):
    """Somebody writes the coil of the coupler."""

    NAME = "stolen_coil"
    CHECKS = ("change_not_ours",)


class CoordinatedTrip(Insider):
    """Breakers of three feeders are opened at once."""

    NAME = "coordinated_trip"
    CHECKS = ("coordinated_change",)


class FrozenCounter(Insider):
    """Energy is served as it was, while all else is true."""

    NAME = "frozen_counter"
    CHECKS = ("replay_frozen",)
    STEP: ClassVar[Mapping[str, object]] = {"feeder": "feeder6"}
    FOR_S = 150.0


class TamperedAudit(Attack):
    """Takes a line out of the audit log of the gateway, so that nobody sees what was done there."""

    NAME = "tampered_audit"
    CHECKS = ("gateway_integrity",)

    def target(self, on: Field) -> str:  # noqa: ARG002 - the interface
        """Return the gateway."""
        return GATEWAY

    async def run(self, on: Field) -> None:
        """Take the second line out."""
        if on.gateway is None:
            raise LookupError("this attack needs a gateway, and the field has none")
        await asyncio.to_thread(self._tamper, on)

    def _tamper(self, on: Field) -> None:
        assert on.gateway is not None
        for log in sorted(on.gateway.glob("audit*.jsonl")):
            lines = log.read_bytes().splitlines(keepends=True)
            log.write_bytes(b"".join(lines[:1] + lines[2:]))


ATTACKS: Final[tuple[type[Attack], ...]] = (
    DelayedAnswers,
    ClockStep,
    CoordinatedTrip,
    ForgedTrip,
    FrozenCounter,
    OtherFirmware,
    RestartedDevice,
    StolenCoil,
    StrangeExceptions,
    TamperedAudit,
    UnaskedReports,
    WrongUnit,
)
