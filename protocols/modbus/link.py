"""Opens the conversation that a url asks for: Modbus/TCP, Modbus/TCP in TLS, RTU on a line or through a converter."""

from protocols.modbus.config import NETWORK_PORTS, ModbusDevice, line_of
from protocols.modbus.conversation import Conversation
from protocols.modbus.framing import Framing
from protocols.modbus.mbap import Mbap
from protocols.modbus.pace import CONVERTER, NETWORK, Pace
from protocols.modbus.rtu import Rtu
from protocols.serial import open_serial
from protocols.tcp import open_tcp


class Link:
    """The way to the devices of one url. On a line it remembers, over all conversations, which answers may be late."""

    def __init__(self, device: ModbusDevice) -> None:
        self._device = device
        self._rtu = Rtu() if device.serial else None

    async def open(self) -> Conversation:
        """Begin a conversation.

        Raises:
            OSError: nobody answers, or no certificate fits.
        """
        url = self._device.url
        if url.startswith("rtu:"):
            line = line_of(url)
            return await open_serial(lambda: Conversation(self._framing(), Pace.of_line(line)), line)
        pace = NETWORK if self._rtu is None else CONVERTER
        return await open_tcp(lambda: Conversation(self._framing(), pace), self._device, url, NETWORK_PORTS)

    def _framing(self) -> Framing:
        return Mbap() if self._rtu is None else self._rtu
