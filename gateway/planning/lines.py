"""How busy each line will be: from the requests that the real drivers have planned."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.config.model import Config
from gateway.lines import conversations
from protocols.demand import Demand, Demanding
from protocols.driver import Driver, Outside
from protocols.points import Points

ANSWER_S = 0.01
"""What a device takes before its answer, where nobody says: meters take 5 to 50 ms."""


@dataclass(frozen=True, slots=True)
class Line:
    """One conversation: its devices, requests and octets a second both ways, and shares of its time.

    `least` is what characters, silences and pauses take; `busy` is with the time that devices take to answer.
    `bytes_per_s` come while no value moves, `moving_bytes_per_s` while each of them moves once a second.
    """

    line: str
    devices: tuple[str, ...]
    requests_per_s: float
    bytes_per_s: float
    moving_bytes_per_s: float
    least: float
    busy: float


def lines(config: Config, drivers: Mapping[str, Driver], answer_s: float = ANSWER_S) -> Iterator[Line]:
    """Yield each line of `config`; `drivers` are those that `built` has made."""
    for name, devices in conversations(config.devices).items():
        demands = list(_demands(drivers[name]))
        least = sum(each.line_s / each.every_s for each in demands)
        requests = sum(each.requests / each.every_s for each in demands)
        still = _bytes_per_s(each for each in demands if not each.moving)
        told = tuple(device.name for device in devices)
        yield Line(name, told, requests, still, _bytes_per_s(demands), least, least + requests * answer_s)


def moving(drivers: Iterable[Driver]) -> frozenset[str]:
    """Return the devices that tell values when they move, and not only when they are read."""
    return frozenset(each.device for driver in drivers for each in _demands(driver) if each.moving)


def built(config: Config, points: Points) -> dict[str, Driver]:
    """Return the real drivers of `config`, by their line; none of them opens anything before it is connected."""
    outside = Outside(clock=lambda: 0)
    return {name: each[0].driver(each, points, outside) for name, each in conversations(config.devices).items()}


def _bytes_per_s(demands: Iterable[Demand]) -> float:
    return sum((each.sent_bytes + each.received_bytes) / each.every_s for each in demands)


def _demands(driver: Driver) -> Sequence[Demand]:
    """Return what a driver asks; of one that does not know its frames the round trips alone."""
    if isinstance(driver, Demanding):
        return driver.demands
    return [
        Demand(device=scan.device, every_s=scan.every_s, requests=scan.requests)
        for scan in driver.scans
        if scan.requests
    ]
