"""The union of all protocols: adding one is a folder, and a line here."""

from typing import TypeAlias

from protocols.modbus.config import ModbusDevice

Device: TypeAlias = ModbusDevice
