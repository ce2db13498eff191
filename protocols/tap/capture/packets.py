"""A packet socket of the kernel: hears one interface through a filter, and is mute.

Nothing in this folder sends: nobody in the substation can tell that there is a tap. The numbers are those of
<linux/if_packet.h>, <linux/if_ether.h> and <asm-generic/socket.h>.
"""

import errno
import os
import socket
from array import array
from collections.abc import Callable
from struct import Struct
from typing import Final, TypeAlias

from protocols.driver import LinkLost
from protocols.tap.capture.bpf import INSTRUCTION

Filter: TypeAlias = Callable[[bool], bytes]
"""Returns the program of the kernel's filter, for the loopback or not."""

SOL_PACKET: Final = 263
ADD_MEMBERSHIP, STATISTICS = 1, 6
PROMISCUOUS: Final = 1
MEMBERSHIP: Final = Struct("=iHH8s")
COUNTS: Final = Struct("=II")
"""Frames that passed the filter, and those of them that were dropped, since they were asked for last."""
VLAN_VALID: Final = 1 << 4
"""A bit of a frame's status: its tag was taken off and is told beside it."""
VLAN_NUMBER: Final = 0x0FFF
"""The VLAN in a tag; above it are the priority and the drop bit."""
EVERY_PROTOCOL: Final = 3
ATTACH_FILTER: Final = 26
PROGRAM: Final = Struct("@HP")
LOOPBACK: Final = 772
"""What kind of hardware `lo` is, ARPHRD_LOOPBACK."""
ADVICE: Final = (
    "no packet socket is allowed here: the tap needs CAP_NET_RAW; the drop-in systemd/drop-ins/tap.conf gives it"
)


class Packets:
    """The socket of `interface`, with its filter; hears nothing before `listen`.

    Raises:
        LinkLost: it may not be opened, or there is no such interface.
    """

    def __init__(self, interface: str, filtered: Filter) -> None:
        self._interface, self._dropped = interface, 0
        try:
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        except OSError as error:
            if error.errno in {errno.EPERM, errno.EACCES, errno.EAFNOSUPPORT}:
                raise LinkLost(ADVICE) from None
            raise LinkLost(f"no packet socket: {os.strerror(error.errno or 0)}") from None
        try:
            self.socket.setblocking(False)
            self.socket.bind((interface, 0))  # of no protocol yet: it hears nothing, and knows its hardware
            self._filter(filtered(self.socket.getsockname()[3] == LOOPBACK))
        except OSError as error:
            self.socket.close()
            raise LinkLost(f"interface {interface}: {os.strerror(error.errno or 0)}") from None

    def listen(self, *, promiscuous: bool) -> None:
        """Begin to hear.

        Raises:
            LinkLost: the interface is down.
        """
        try:
            self.socket.bind((self._interface, EVERY_PROTOCOL))
            if promiscuous:
                member = MEMBERSHIP.pack(socket.if_nametoindex(self._interface), PROMISCUOUS, 0, b"")
                self.socket.setsockopt(SOL_PACKET, ADD_MEMBERSHIP, member)
        except OSError as error:
            raise LinkLost(f"interface {self._interface}: {os.strerror(error.errno or 0)}") from None
        self.check()

    def check(self) -> None:
        """Ask whether the interface is still there; a ring does not tell that by itself.

        Raises:
            LinkLost: it is not, or it is down.
        """
        number = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise LinkLost(f"interface {self._interface}: {os.strerror(number)}")

    @property
    def dropped(self) -> int:
        """How many frames the kernel had no room for, since the start."""
        if self.socket.fileno() >= 0:  # asking sets the kernel's count to zero
            self._dropped += COUNTS.unpack_from(self.socket.getsockopt(SOL_PACKET, STATISTICS, 12))[1]
        return self._dropped

    def close(self) -> None:
        """Hear no more."""
        self.socket.close()

    def _filter(self, program: bytes) -> None:
        kept = array("B", program)
        head = PROGRAM.pack(len(program) // INSTRUCTION.size, kept.buffer_info()[0])
        self.socket.setsockopt(socket.SOL_SOCKET, ATTACH_FILTER, head)
