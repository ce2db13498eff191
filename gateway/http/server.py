"""Listens for those who ask over HTTP: within seats, within a share of one core, and never in the way of a stop.

When all seats are taken, whoever has waited longest without a whole question gives his to the newcomer: a crowd of slow
askers keeps nobody out. While all are being answered, the first who ends his answer does; a crowd that asks without end
keeps nobody out either. When the share is used up, all wait, newcomers in the kernel.
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
CONNECTION_S: Final = 0.0007
"""Processor time that a connection takes where it is not measured: in the event loop, and in the kernel for us."""
AGAIN_S: Final = 10.0
"""An address that cannot be had is tried again so often."""
FULL_S: Final = 1.0
"""When nobody can be taken, as no descriptor is left, it is waited so long."""

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
        self._moved, self._crowded = asyncio.Event(), False
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
            try:
                asker, address = await loop.sock_accept(listener)
            except OSError as error:
                if error.errno != errno.ECONNABORTED:  # that one has hung up already
                    await asyncio.sleep(FULL_S)
                continue
            try:
                await self._room()
            except asyncio.CancelledError:
                asker.close()
                raise
            with self._share.spending(CONNECTION_S):
                self._meet(asker, address[0])

    async def _room(self) -> None:
        """Make room for one, who waits while everybody else is being answered."""
        while len(self._meetings) >= SEATS:
            slowest = self._slowest()
            if slowest is not None:
                slowest.cancel()
                del self._meetings[slowest]
            else:
                self._crowded = True  # whoever is answered leaves
                self._moved.clear()
                await self._moved.wait()
        self._crowded = False

    def _slowest(self) -> asyncio.Task[bool] | None:
        """Return the one who has let us wait for longest; None when everybody is being answered."""
        waits = {task: each.waits_s for task, each in self._meetings.items() if each.waits_s is not None}
        return min(waits, key=lambda task: waits[task], default=None)

    def _meet(self, asker: socket.socket, peer: str) -> None:
        """Let an asker speak."""
        conversation = Conversation(asker, peer, self._share, self._moved, crowded=lambda: self._crowded)
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
        self._moved.set()
        fault = None if meeting.cancelled() else meeting.exception()
        if fault is not None and not self.faults:
            log.error("http_fault", page=self._name, exc_info=fault)
        self.faults += fault is not None
        self.refused += fault is None and (meeting.cancelled() or not meeting.result())
