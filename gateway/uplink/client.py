"""paho's client on a socket that is already open, with a limit to what it takes in and to what it keeps."""

import socket
from collections.abc import Callable

from paho.mqtt.client import Client as PahoClient
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

INCOMING_BYTES = 64 * 1024
"""Largest packet that is taken from the broker; a command has at most 8 KiB. Beyond it the connection ends."""


class Client(PahoClient):
    """A client of paho that keeps nothing beyond the window and never reconnects by itself.

    paho asks the socket for the whole rest of a packet, up to 256 MiB, and has no limit of its own.
    """

    ready: socket.socket
    refused_bytes = 0
    pinged: Callable[[], None]
    """Called when a PINGREQ goes, ours or one of paho's own."""
    answered: Callable[[], None]
    """Called when a PINGRESP comes."""

    @classmethod
    def of(cls, client_id: str, *, older: bool, window: int) -> "Client":
        """Return a client that speaks MQTT 3.1.1 where `older`, else 5."""
        client = cls(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=True if older else None,
            protocol=MQTTProtocolVersion.MQTTv311 if older else MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.max_inflight_messages = window + 1  # the window, and the farewell
        client.max_queued_messages = window + 1
        return client

    def greeting(self) -> Properties | None:
        """Return what the CONNECT of MQTT 5 tells the broker: the largest packet that is taken."""
        if self.protocol != MQTTProtocolVersion.MQTTv5:
            return None
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = INCOMING_BYTES
        return properties

    def ping(self) -> None:
        """Send a PINGREQ behind all that went before."""
        self._send_pingreq()

    def leave(self, *, with_will: bool) -> None:
        """Send DISCONNECT; MQTT 5 can ask the broker to publish the will all the same."""
        if with_will and self.protocol == MQTTProtocolVersion.MQTTv5:
            self.disconnect(ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message"))
        else:
            self.disconnect()

    def _send_pingreq(self) -> MQTTErrorCode:
        result = super()._send_pingreq()
        self.pinged()
        return result

    def _handle_pingresp(self) -> MQTTErrorCode:
        result = super()._handle_pingresp()
        self.answered()
        return result

    def _create_socket(self) -> socket.socket:
        return self.ready

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > INCOMING_BYTES:
            self.refused_bytes = bufsize
            raise ConnectionAbortedError
        return super()._sock_recv(bufsize)
