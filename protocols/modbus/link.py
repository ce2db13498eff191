"""Opens the conversation that a url asks for: Modbus/TCP, Modbus/TCP in TLS, RTU on a line or through a converter."""

import asyncio
from urllib.parse import urlsplit

from protocols.modbus.config import NETWORK_PORTS, ModbusDevice, line_of
from protocols.modbus.conversation import Conversation
from protocols.modbus.framing import Framing
from protocols.modbus.mbap import Mbap
from protocols.modbus.pace import CONVERTER, NETWORK, Pace
from protocols.modbus.rtu import Rtu
from protocols.serial import open_serial


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
        url = urlsplit(self._device.url)
        if url.scheme == "rtu":
            line = line_of(self._device.url)
            return await open_serial(lambda: Conversation(self._framing(), Pace.of_line(line)), line)
        context = self._device.tls_context() if url.scheme == "tls" else None
        pace = NETWORK if self._rtu is None else CONVERTER
        _, conversation = await asyncio.get_running_loop().create_connection(
            lambda: Conversation(self._framing(), pace),
            url.hostname or "",
            url.port or NETWORK_PORTS[url.scheme],
            ssl=context,
            server_hostname=None if context is None else self._device.server_name,
        )
        return conversation

    def _framing(self) -> Framing:
        return Mbap() if self._rtu is None else self._rtu
