"""Node-RED with node-red-contrib-modbus: a Modbus-Read node for every block of 125 registers, wired to one MQTT-out."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

from broker import Received

from peers.program import BENCH, Site, Start, over
from peers.scenario import Scenario

BLOCK = 125
FLOATS = """
const bytes = Buffer.alloc(2 * msg.payload.length);
msg.payload.forEach((register, at) => bytes.writeUInt16BE(register, 2 * at));
msg.payload = [];
for (let at = 0; at + 4 <= bytes.length; at += 4) msg.payload.push(bytes.readFloatBE(at));
return msg;
"""
SETTINGS = """module.exports = {
    flowFile: "flows.json", userDir: __dirname, httpAdminRoot: false, httpNodeRoot: false,
    uiHost: "127.0.0.1", uiPort: 0, credentialSecret: false,
    logging: {console: {level: "warn", metrics: false, audit: false}},
    telemetry: {enabled: false, updateNotification: false}, diagnostics: {enabled: false, ui: false},
    nodesDir: [NODES],
};
"""


class NodeRed:
    """Version 4, from npm."""

    name = "Node-RED"
    publishes = True
    note = (
        "Node-RED 4.1.15, node-red-contrib-modbus 5.23.3: a Modbus-Read node a block of 125 registers, wired to "
        "MQTT-out with QoS 1; no editor, log only of warnings; a message is a bare array, without names, time and "
        "quality; it checks nothing and keeps nothing on disk"
    )

    def __init__(self) -> None:
        self._modules = BENCH / "node-red" / "node_modules"

    def missing(self) -> str | None:
        """Return what `make bench-peers` would install."""
        there = (self._modules / "node-red-contrib-modbus").is_dir() and shutil.which("node")
        return None if there else "not installed: apt install npm, make bench-peers"

    def prepare(self, scenario: Scenario, site: Site) -> Start:
        """Write flows.json and settings.js."""
        nodes = json.dumps(str(self._modules / "node-red-contrib-modbus"))
        (site.folder / "settings.js").write_text(SETTINGS.replace("NODES", nodes))
        (site.folder / "flows.json").write_text(json.dumps(_flows(scenario, site)))
        red = self._modules / "node-red" / "red.js"
        return Start(["node", red, "-u", site.folder, "-s", site.folder / "settings.js"])

    def readings(self, message: Received) -> int:
        """Count the values of an array."""
        return len(message.json)

    def beyond(self, message: Received) -> Iterator[str]:
        """Yield the points with a value over the limit: a topic is DEVICE/FIRST ADDRESS/REGISTERS OF ONE VALUE."""
        device, first, width = message.topic.split("/")
        for number, value in enumerate(message.json):
            if over(value):
                yield f"{device}/{int(first) + number * int(width)}"


def _flows(scenario: Scenario, site: Site) -> list[dict[str, Any]]:
    width = scenario.registers // scenario.points
    step = BLOCK - BLOCK % width
    out = {"id": "out", "type": "mqtt out", "z": "tab", "topic": "", "qos": "1", "retain": "false", "broker": "broker"}
    flows: list[dict[str, Any]] = [
        {"id": "tab", "type": "tab", "label": "benchmark"},
        {
            "id": "broker",
            "type": "mqtt-broker",
            "broker": "127.0.0.1",
            "port": str(site.broker),
            "protocolVersion": "4",
        },
        {**out, "wires": []},
        {"id": "floats", "type": "function", "z": "tab", "func": FLOATS, "outputs": 1, "wires": [["out"]]},
    ]
    after = "out" if width == 1 else "floats"
    for number, port in enumerate(site.ports):
        flows.append(_client(number, port))
        for address in range(0, scenario.registers, step):
            count = min(step, scenario.registers - address)
            read = _read(scenario, f"{number}x{address}", address, count)
            flows.append(
                {**read, "topic": f"d{number}/{address}/{width}", "server": f"client{number}", "wires": [[after], []]}
            )
    return flows


def _client(number: int, port: int) -> dict[str, Any]:
    return {
        "id": f"client{number}",
        "type": "modbus-client",
        "name": f"device {number}",
        "clienttype": "tcp",
        "bufferCommands": True,
        "failureLogEnabled": True,
        "tcpHost": "127.0.0.1",
        "tcpPort": str(port),
        "tcpType": "DEFAULT",
        "unit_id": "1",
        "commandDelay": "1",
        "clientTimeout": "1000",
        "reconnectOnTimeout": True,
        "reconnectTimeout": "2000",
        "parallelUnitIdsAllowed": True,
    }


def _read(scenario: Scenario, name: str, address: int, count: int) -> dict[str, Any]:
    return {
        "id": f"read{name}",
        "type": "modbus-read",
        "z": "tab",
        "name": "",
        "unitid": "1",
        "dataType": "HoldingRegister",
        "adr": str(address),
        "quantity": str(count),
        "rate": str(int(scenario.every_s * 1000)),
        "rateUnit": "ms",
        "showErrors": True,
    }
