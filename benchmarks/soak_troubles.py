"""What goes wrong in a soak, and when: outages, kills, reloads, clocks, attacks. The same seed gives the same week."""

import json
import random
from collections.abc import Iterator
from typing import NamedTuple

DAY_S, HOUR_S, MINUTE_S = 86_400.0, 3_600.0, 60.0
A_DAY = {"outage": 24, "long outage": 1, "reload": 12, "bad reload": 2, "clock": 4, "commands": 12, "strangers": 24}
"""How often each happens in a simulated day."""
SHORT_S, LONG_S = (1 * MINUTE_S, 20 * MINUTE_S), (2 * HOUR_S, 4 * HOUR_S)
KILLS = 4
"""All in the first fifth of the time: what is measured thereafter is one process."""
STEPS_S = (-3600.0, -30.0, -0.5, 0.5, 30.0, 3600.0)
SCENARIO = """
name: soak
about: Six hours with every fault of a device, lies on the wire, and devices taken over; then again.
seed: 5
repeat_s: 21600
steps:
  - {at_s: 600, for_s: 600, do: slow_unit, unit: feeder1, delay_s: 0.02}
  - {at_s: 1800, for_s: 600, do: illegal_address, point: feeder2.pf}
  - {at_s: 3000, for_s: 900, do: dead_unit, unit: feeder3}
  - {at_s: 4200, for_s: 900, do: closed_unit, unit: feeder4}
  - {at_s: 5400, for_s: 600, do: cut_frame, unit: feeder5}
  - {at_s: 6600, for_s: 600, do: garbage, unit: feeder1}
  - {at_s: 7800, for_s: 900, do: stuck_sensor, point: t1.ia}
  - {at_s: 9000, for_s: 600, do: replay, unit: feeder2, record_s: 600}
  - {at_s: 10200, for_s: 1800, do: slow_injection, feeder: feeder3, factor: 1.6}
  - {at_s: 13200, for_s: 600, do: wrong_unit, unit: feeder2}
  - {at_s: 14400, for_s: 600, do: strange_exceptions, unit: feeder4}
  - {at_s: 15600, for_s: 600, do: restart_unit, unit: bus1}
  - {at_s: 16800, for_s: 900, do: forged_trip, feeder: feeder5}
  - {at_s: 18600, for_s: 900, do: coordinated_trip}
"""
HOSTILE = (
    b"",
    b"\xff" * 70_000,
    b'{"id":',
    b"[" * 5_000,
    json.dumps({"id": "x", "do": "reboot"}).encode(),
    json.dumps({"id": "x" * 10_000, "do": "acknowledge", "alarm": "no/such/alarm"}).encode(),
)
"""Commands that are none."""
STRANGE = (b"", b"GET / HTTP/1.1\r\n\r\n", b'{"ask":"points","device":"x"}\n', b"\x00" * 100_000, b"[" * 9_000 + b"\n")
"""What strangers say to the status socket."""


class Trouble(NamedTuple):
    """What happens at a simulated second, and for how long (or by how much)."""

    at_s: float
    do: str
    by: float = 0.0


def troubles(days: float, seed: int) -> list[Trouble]:
    """Return all of it in order, in simulated seconds; the last twentieth is quiet, so that the end can be counted."""
    return sorted(_drawn(days * DAY_S * 0.95, days, random.Random(seed)))


def _drawn(end_s: float, days: float, chance: random.Random) -> Iterator[Trouble]:
    for number in range(KILLS):
        yield Trouble(end_s / 5 * (number + chance.random()) / KILLS, "kill")
    for what, often in A_DAY.items():
        for _ in range(max(1, round(often * days))):
            by = {
                "outage": lambda: chance.uniform(*SHORT_S),
                "long outage": lambda: min(chance.uniform(*LONG_S), end_s / 4),
                "clock": lambda: chance.choice(STEPS_S),
            }.get(what, lambda: 0.0)()
            yield Trouble(chance.uniform(0, end_s - by), what, by)
