"""The gateway's configuration for the simulated substation, written from the register maps so that both agree."""

from collections.abc import Mapping

import yaml

from simulator.meter import BAYS
from simulator.modbus import UNIT
from simulator.network import BUS_OF
from simulator.registers import MAPS, Register
from simulator.speakers import POLYGLOT, SPEAKERS

DEMO_PORT = 15021
"""First port of the simulated bays in config/demo.yaml."""

HEAD = """\
# The simulated substation, as `gridsentinel simulate demo` serves it: 2 transformers, 2 bus sections, 6 feeders.
# Made from the register maps of the simulator by `python -m simulator.configuration > config/demo.yaml`.

gateway: {site: demo, name: gw1, state_dir: ./demo-state}

uplink:
  url: mqtt://127.0.0.1:1883
  window_s: 5

devices:
"""


def configuration(ports: Mapping[str, int], others: Mapping[str, int], host: str = "127.0.0.1") -> str:
    """Return the YAML text of a gateway that polls the bays at `ports`, and one of them by `others` as well."""
    bays = (_device(bay, f"tcp://{host}:{port}") for bay, port in ports.items())
    return HEAD + "".join([*bays, *(_twin(word, host, port) for word, port in others.items())])


def demo_others() -> dict[str, int]:
    """Return the ports of the other protocols in config/demo.yaml."""
    return {word: DEMO_PORT + len(BAYS) + index for index, word in enumerate(SPEAKERS)}


def demo_ports() -> dict[str, int]:
    """Return the ports of config/demo.yaml."""
    return {bay: DEMO_PORT + index for index, bay in enumerate(BAYS)}


def bus_of(bay: str) -> str:
    """Return the bus section, bb1 or bb2, that `bay` stands on."""
    number = int(bay[-1])
    return f"bb{BUS_OF[number - 1] + 1 if bay.startswith('feeder') else number}"


def _device(bay: str, url: str) -> str:
    lines = [f"  - name: {bay}", "    protocol: modbus", f"    url: {url}", f"    unit: {UNIT}", "    every_s: 1"]
    points = [f"      - {_flow(_point(bay, register))}" for register in MAPS[bay]]
    return "\n".join([*lines, "    points:", *points, ""])


def _twin(word: str, host: str, port: int) -> str:
    """The bay that speaks every protocol, once more by the protocol `word`."""
    speaker = SPEAKERS[word]
    url = speaker.url.format(host=host, port=port)
    keys = "".join(f"    {_flow({key: value})[1:-1]}\n" for key, value in speaker.keys.items())
    points = (f"      - {_flow(point)}\n" for point in speaker.points(POLYGLOT))
    head = f"  - name: {POLYGLOT}-{word}\n    protocol: {word}\n    url: {url}\n"
    return head + keys + "    points:\n" + "".join(points)


def _point(bay: str, register: Register) -> dict[str, object]:
    point: dict[str, object] = {"name": register.name, "address": register.address, "type": register.type}
    if register.order != "big":
        point["order"] = register.order
    if register.scale != 1:
        point["scale"] = register.scale
    if register.unit:
        point["unit"] = register.unit
    if register.deadband is not None:
        point["deadband"] = register.deadband
    if register.limits:
        point["limits"] = dict(register.limits)
    return {**point, "role": _role(bay, register)}


def _role(bay: str, register: Register) -> dict[str, str]:
    role = {"bay": bay}
    if not register.name.startswith("h"):  # the HV side of a transformer is on no MV bus
        role["bus"] = bus_of(bay)
    if bay.startswith("t"):
        role["transformer"] = bay
    role["quantity"] = register.quantity
    return {**role, "phase": register.phase} if register.phase else role


def _flow(value: Mapping[str, object]) -> str:
    return yaml.safe_dump(dict(value), default_flow_style=True, sort_keys=False, width=1000).strip()


if __name__ == "__main__":
    print(configuration(demo_ports(), demo_others()), end="")  # noqa: T201
