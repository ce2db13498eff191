"""The gateway's configuration for the simulated substation, written from the point lists so that both agree."""

import math
from collections.abc import Mapping

import yaml

from simulator.bays import bus_of
from simulator.grid import FREQUENCY_HZ
from simulator.meter import BAYS, KILO
from simulator.network import HV_V, MV_V, RATED_VA
from simulator.registers import MAPS, Register
from simulator.speakers import POLYGLOTS, SPEAKERS, Point, first_ports, terminal

DEMO_PORT = 15021
"""First port of the simulated bays in config/demo.yaml."""
FIRST = next(iter(SPEAKERS))
SQRT3 = math.sqrt(3)
FEEDER_A = 300.0
"""What the cable of a feeder carries for ever."""
CLASS = 0.2
"""Accuracy class of the instrument transformers and meters, per cent."""
MEASURED = ("voltage", "current", "active_power", "reactive_power", "apparent_power")
"""What has that class."""

HEAD = """\
# The simulated substation, as `gridsentinel simulate demo` serves it: 2 transformers, 2 bus sections, 6 feeders.
# Every bay by Modbus TCP, and the bus sections by every other way as well, so that one voltage can be compared.
# Made from the point lists of the simulator by `python -m simulator.configuration > config/demo.yaml`.

gateway: {site: demo, name: gw1, state_dir: ./demo-state}

uplink:
  url: mqtt://127.0.0.1:1883
  window_s: 5

devices:
"""

Urls = Mapping[str, Mapping[str, str]]
"""Where each way reaches each bay: by the word of the way, then by the bay."""


def configuration(urls: Urls) -> str:
    """Return the YAML text of a gateway that polls every bay by Modbus TCP, and some by every other way as well."""
    bays = (device(FIRST, bay, urls[FIRST][bay]) for bay in BAYS)
    others = (device(word, bay, urls[word][bay]) for word in SPEAKERS if word != FIRST for bay in POLYGLOTS)
    return HEAD + "".join([*bays, *others])


def device(word: str, bay: str, url: str) -> str:
    """Return the YAML text of one bay by the way `word`. Limits and roles are told once, by the first way."""
    speaker = SPEAKERS[word]
    keys = "".join(f"    {_flow({key: value})[1:-1]}\n" for key, value in speaker.keys(bay).items())
    more = _more(bay) if word == FIRST else {}
    points = (f"      - {_flow({**point, **more.get(str(point['name']), {})})}\n" for point in speaker.points(bay))
    head = f"  - name: {device_name(word, bay)}\n    protocol: {speaker.protocol}\n    url: {url}\n"
    return head + keys + "    points:\n" + "".join(points)


def device_name(word: str, bay: str) -> str:
    """Return what `bay` is called where it is reached by the way `word`."""
    return bay if word == FIRST else f"{bay}-{word}"


def demo_urls(host: str = "127.0.0.1") -> Urls:
    """Return the urls of config/demo.yaml."""
    first = first_ports(DEMO_PORT)
    return {
        word: {
            bay: speaker.url.format(host=host, place=terminal(first[word]) if not speaker.ports else port)
            for bay, port in zip(BAYS, _following(first[word], speaker.ports), strict=True)
        }
        for word, speaker in SPEAKERS.items()
    }


def _following(first: int, count: int) -> list[int]:
    return [first + min(index, max(count - 1, 0)) for index in range(len(BAYS))]


def _more(bay: str) -> Mapping[str, Point]:
    """What the points of `bay` mean, and where they alarm."""
    return {register.name: _meaning(bay, register) for register in MAPS[bay]}


def _meaning(bay: str, register: Register) -> Point:
    meaning: dict[str, object] = {}
    if register.deadband is not None:
        meaning["deadband"] = register.deadband
    if register.limits:
        meaning["limits"] = dict(register.limits)
    return {**meaning, "role": _role(bay, register)}


def _role(bay: str, register: Register) -> dict[str, object]:
    role: dict[str, object] = {"bay": bay}
    if not register.high:  # the HV side of a transformer is on no MV bus
        role["bus"] = bus_of(bay)
    if bay.startswith("t"):
        role["transformer"] = bay
    role["quantity"] = register.quantity
    if register.phase:
        role["phase"] = register.phase
    if bay.startswith("t") and register.phase:
        role["side"] = "hv" if register.high else "lv"
    return role | _nameplate(bay, register)


def _nameplate(bay: str, register: Register) -> dict[str, object]:
    """What stands on the plate of the equipment or of the instrument."""
    volts = HV_V if register.high else MV_V
    amperes = RATED_VA / 3 / volts if bay.startswith("t") else FEEDER_A
    rated = {
        "frequency": FREQUENCY_HZ,
        "voltage": volts * (SQRT3 if len(register.phase or "") == 2 else 1),
        "current": amperes,
        **dict.fromkeys(("active_power", "reactive_power", "apparent_power"), 3 * volts * amperes / KILO),
    }.get(register.quantity)
    plate: dict[str, object] = {} if rated is None else {"rating": round(rated, 1)}
    return plate | ({"accuracy_class": CLASS} if register.quantity in MEASURED else {})


def _flow(value: Mapping[str, object]) -> str:
    return yaml.safe_dump(dict(value), default_flow_style=True, sort_keys=False, width=1000).strip()


if __name__ == "__main__":
    print(configuration(demo_urls()), end="")  # noqa: T201
