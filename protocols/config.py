"""The union of all protocols: adding one is a folder, and a line here."""

from typing import Annotated, TypeAlias

from protocols.dnp3.config import Dnp3Device
from protocols.iec61850.config import Iec61850Device
from protocols.modbus.config import ModbusDevice
from protocols.opcua.config import OpcuaDevice
from protocols.settings import Field
from protocols.tap.config import TapDevice

Device: TypeAlias = Annotated[
    ModbusDevice | Dnp3Device | Iec61850Device | OpcuaDevice | TapDevice, Field(discriminator="protocol")
]
