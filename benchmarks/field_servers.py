"""A DNP3 outstation, an IEC 61850 server or an OPC UA server of 1,000 moving points, in a process of its own.

field_servers.py dnp3|mms|opcua POINTS: serves on a free port and says "READY PORT". Every value moves once a second.
The servers are what the simulator is made of: the outstation our own, open61850, and asyncua.
"""

import asyncio
import logging
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from asyncua import ua
from asyncua.server.server import Server as OpcuaServer
from field_points import DATA_SET_SIZE, LEAST_VALUE, MEMBERS, NODES, OUTSTATION, scl
from open61850.data import FloatData, TimestampData
from open61850.server.model import IedModel
from open61850.server.server import MmsServer

from simulator.dnp3_outstation import Outstation
from simulator.dnp3_server import Server as Dnp3Server

STEP_S = 1.0


async def dnp3(values: np.ndarray) -> tuple[Any, int]:
    """Serve analog inputs; return what moves them, and the port."""
    outstation = Outstation(lambda: time.time_ns() // 1_000_000)
    points = [outstation.add("analog", index, value, event_class=0) for index, value in enumerate(values.tolist())]
    server = Dnp3Server({OUTSTATION: outstation})
    await server.start()

    async def move(values: np.ndarray) -> None:
        for point, value in zip(points, values.tolist(), strict=True):
            point.value = value

    return move, server.port


async def mms(values: np.ndarray) -> tuple[Any, int]:
    """Serve analog measurands in data sets, with reports.

    Reports are those of the integrity period: to find what has changed takes this server longer than a second.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bench.cid"
        file.write_text(scl(len(values)))
        model: Any = IedModel.from_scl(str(file))
    server = MmsServer(model, host="127.0.0.1", port=0, vendor="bench", model_name="bench", revision="1")
    places = [MEMBERS.format(index // DATA_SET_SIZE + 1, index % DATA_SET_SIZE + 1) for index in range(len(values))]

    def renew(values: np.ndarray) -> None:
        now = TimestampData(datetime.now(UTC), 0x0A)
        for place, value in zip(places, values.tolist(), strict=True):
            model.set(f"{place}.t[MX]", now, notify=False)
            model.set(f"{place}.mag.f[MX]", FloatData(value), notify=False)

    async def move(values: np.ndarray) -> None:
        await asyncio.to_thread(renew, values)

    renew(values)
    server.start()
    return move, server.port


async def opcua(values: np.ndarray) -> tuple[Any, int]:
    """Serve variables."""
    server: Any = OpcuaServer()
    await server.init()
    server.set_endpoint("opc.tcp://127.0.0.1:0/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace(NODES)
    nodes = [ua.NodeId(f"p{number}", index) for number in range(len(values))]
    for node, value in zip(nodes, values.tolist(), strict=True):
        await server.nodes.objects.add_variable(node, node.Identifier, ua.Variant(value, ua.VariantType.Double))
    await server.start()

    async def move(values: np.ndarray) -> None:
        now = datetime.now(UTC)
        for node, value in zip(nodes, values.tolist(), strict=True):
            fresh = ua.DataValue(ua.Variant(value, ua.VariantType.Double), SourceTimestamp=now)
            await server.iserver.write_attribute_value(node, fresh)

    return move, server.bserver.port


async def main(protocol: str, points: int) -> None:
    """Serve for ever."""
    random = np.random.default_rng(1)
    values = LEAST_VALUE + np.arange(points, dtype=float)
    move, port = await {"dnp3": dnp3, "mms": mms, "opcua": opcua}[protocol](values)
    print("READY", port, flush=True)
    while True:
        await asyncio.sleep(STEP_S)
        await move(values + random.uniform(0, 16, points))


logging.disable(logging.CRITICAL)
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
