"""Listens for those who ask over HTTP: within seats, within a share of one core, and never in the way of a stop.

When all seats are taken, whoever has waited longest without a whole question gives his to the newcomer: a crowd of slow
askers keeps nobody out. While all are being answered, and when the share is used up, askers wait in the kernel.
"""

import asyncio
import errno
import socket
from typing import Final

import structlog

from gateway.http.conversation import Answers, Conversation
from gateway.http.share import Share

SEATS: Final = 32
"""Connections at once: a browser opens six, a Prometheus one."""
BACKLOG: Final = 64
"""Askers that wait in the kernel; it drops those beyond, who try again."""
AGAIN_S: Final = 10.0
"""An address that cannot be had is tried again so often."""
FULL_S: Final = 1.0
"""When no descriptor is left, it is waited so long for one."""

log = structlog.get_logger()


class HttpServer:
    """Serves `listen`, HOST:PORT, under `name`. `port` is the one it has, 0 before.

    `answered` counts answers, `refused` connections that were ended: asking wrongly, too slowly or too much, reading
    too slowly, or giving their seat. `faults` are our own; they cost that asker his answer and nobody anything else.
    """

    def __init__(self, name: str, listen: str, answers: Answers) -> None:
        self.answered = self.refused = self.faults = self.port = 0
        self.listening = asyncio.Event()
        host, _, port = listen.rpartition(":")
        self._name, self._answers = name, answers
        self._host, self._port = host.strip("[]"), int(port)
        self._share = Share()
        self._meetings: dict[asyncio.Task[bool], Conversation] = {}
        self._left = asyncio.Event()
        self._said = ""

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            try:
                listener = await self._listener()
            except OSError as error:
                if str(error) != self._said:
                    log.warning("http_lost", page=self._name, listen=f"{self._host}:{self._port}", reason=str(error))
                self._said = str(error)
                await asyncio.sleep(AGAIN_S)
                continue
            with listener:
                self.port, self._said = listener.getsockname()[1], ""
                self.listening.set()
                try:
                    await self._accept(listener)
                finally:
                    for meeting in self._meetings:
                        meeting.cancel()

    async def _listener(self) -> socket.socket:
        """Return a socket that listens.

        Raises:
            OSError: the address cannot be had.
        """
        found = await asyncio.get_running_loop().getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        listener = socket.create_server(address, family=family, backlog=BACKLOG)
        listener.setblocking(False)
        return listener

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._share.ready()
            if not self._room():
                self._left.clear()
                await self._left.wait()
                continue
            try:
                asker, address = await loop.sock_accept(listener)
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    await asyncio.sleep(FULL_S)
                continue
            with self._share.spending():
                self._meet(asker, address[0])

    def _room(self) -> bool:
        """Return whether there is a seat for a newcomer, or one that somebody who waits can give."""
        return len(self._meetings) < SEATS or any(each.waiting for each in self._meetings.values())

    def _meet(self, asker: socket.socket, peer: str) -> None:
        """Let an asker speak, in place of the one who has waited longest if need be."""
        if len(self._meetings) >= SEATS:
            oldest = next((task for task, each in self._meetings.items() if each.waiting), None)
            if oldest is None:
                self.refused += 1
                asker.close()
                return
            oldest.cancel()
            del self._meetings[oldest]
        conversation = Conversation(asker, peer, self._share)
        meeting = asyncio.create_task(self._spoken(conversation, asker), name=f"{self._name}:asker")
        self._meetings[meeting] = conversation
        meeting.add_done_callback(self._met)

    async def _spoken(self, conversation: Conversation, asker: socket.socket) -> bool:
        with asker:
            try:
                return await conversation.run(self._answers)
            finally:
                self.answered += conversation.answered

    def _met(self, meeting: asyncio.Task[bool]) -> None:
        """Give the seat to the next, and count how it ended."""
        self._meetings.pop(meeting, None)
        self._left.set()
        fault = None if meeting.cancelled() else meeting.exception()
        if fault is not None and not self.faults:
            log.error("http_fault", page=self._name, exc_info=fault)
        self.faults += fault is not None
        self.refused += fault is None and (meeting.cancelled() or not meeting.result())
