"""How long a line is taken by the requests of a scan: frames of Modbus RTU by their characters and silences."""

from collections.abc import Iterable

from protocols.demand import Demand
from protocols.driver import Scan
from protocols.modbus import mbap, rtu
from protocols.modbus.codec import Request
from protocols.modbus.config import ModbusDevice, line_of
from protocols.modbus.pace import NETWORK, Pace

COUNTED = 2
"""Function and number of octets before the data of an answer."""


def demand(device: ModbusDevice, scan: Scan, requests: Iterable[Request]) -> Demand:
    """Return what `requests`, which is all that `scan` asks of `device`, take."""
    asked = list(requests)
    around = rtu.OVERHEAD if device.serial else mbap.HEADER.size
    sent = sum(len(request.pdu) + around for request in asked)
    received = sum((request.size or 0) + COUNTED + around for request in asked)
    pace = Pace.of_line(line_of(device.url)) if device.url.startswith("rtu:") else NETWORK
    rest_s = max(pace.silence_s, device.pause_ms / 1000)
    return Demand(
        device=device.name,
        every_s=scan.every_s,
        requests=len(asked),
        sent_bytes=sent,
        received_bytes=received,
        line_s=len(asked) * rest_s + (sent + received) * pace.char_s,
    )
