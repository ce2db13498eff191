"""What every program is asked to read."""

from dataclasses import dataclass

import points


@dataclass(frozen=True)
class Scenario:
    """So many devices of so many readings each, every `every_s` seconds."""

    name: str
    devices: int
    points: int
    kind: str = "uint16"
    every_s: float = 1

    @property
    def registers(self) -> int:
        """Registers of one device."""
        return self.points * points.WIDTHS[self.kind]

    @property
    def rate(self) -> float:
        """Readings a second, of all devices."""
        return self.devices * self.points / self.every_s


MAIN = Scenario("10,000 readings/s", 10, 1_000)
ALL = (
    Scenario("idle: one register every 10 s", 1, 1, every_s=10),
    Scenario("1,000 readings/s", 10, 100),
    Scenario("5,000 readings/s", 10, 500),
    MAIN,
    Scenario("50,000 readings/s", 50, 1_000),
    Scenario("100,000 readings/s", 10, 1_000, every_s=0.1),
    Scenario("34 meters of 34 float32, every 10 s", 34, 34, "float32", 10),
    Scenario("one device of 3,000 tags", 1, 3_000),
    Scenario("130 devices of 20 tags", 130, 20),
)
