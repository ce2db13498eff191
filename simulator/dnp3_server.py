"""An outstation on TCP: frames, segments, link confirms, unsolicited responses, and the faults of its conduct."""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from dnp3.core.enums import LinkFunctionCode as Code
from dnp3.datalink.builder import build_ack, build_link_status, build_primary_frame, build_reset_link_state
from dnp3.datalink.frame import DataLinkFrame, DataLinkHeader
from dnp3.datalink.parser import FrameParser
from dnp3.transport.reassembler import Reassembler
from dnp3.transport.segment import TransportSegment
from dnp3.transport.segmenter import Segmenter

from simulator.conduct import Conduct
from simulator.dnp3_outstation import Dialogue, Outstation

NOISE = 0x5A
"""Every byte of an answer is exclusive-ored with it to make garbage."""
CONFIRM_S = 2.0
"""What was not confirmed for so long is given up, or repeated if it was unsolicited."""
LOOK_S = 0.02
"""How often it is looked for something to tell by itself."""


class Server:
    """Serves outstations by their link addresses on one port; masters may connect one after the other."""

    def __init__(self, outstations: dict[int, Outstation], conduct: Conduct | None = None) -> None:
        self.outstations = outstations
        self.conduct = conduct or Conduct()
        self.link_confirms = False
        self.port = 0
        self.masters: set[Connection] = set()
        self._server: asyncio.Server | None = None

    @property
    def serving(self) -> bool:
        """Whether the port is open."""
        return self._server is not None

    async def start(self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        """Serve.

        Raises:
            OSError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), host, port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Hang up on everyone and free the port; may be called twice."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for master in list(self.masters):
                master.hang_up()
            await server.wait_closed()
            await asyncio.sleep(0)


class Connection(asyncio.Protocol):
    """One master."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._parser = FrameParser()
        self._ends: dict[int, _End] = {}
        self._transport: asyncio.Transport | None = None
        self._looking: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.masters.add(self)
        self._looking = asyncio.get_running_loop().create_task(self._look(), name="simulator:dnp3")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the interface of asyncio
        """Forget."""
        self._server.masters.discard(self)
        if self._looking is not None:
            self._looking.cancel()

    def hang_up(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take the frames that are complete."""
        for frame in self._parser.feed(data):
            outstation = self._server.outstations.get(frame.header.destination)
            if outstation is None or not frame.header.control.dir_from_master:
                continue
            end = self._ends.get(frame.header.destination)
            if end is None:
                end = self._ends[frame.header.destination] = _End(
                    outstation, frame.header, self._write, confirms=self._server.link_confirms
                )
            end.take(frame)

    def _write(self, octets: bytes) -> None:
        delay_s = self._server.conduct.delay_s
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self._deliver, octets)
        else:
            self._deliver(octets)

    def _deliver(self, octets: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        match self._server.conduct.answers:
            case "well":
                self._transport.write(octets)
            case "garbage":
                self._transport.write(bytes(byte ^ NOISE for byte in octets))
            case "cut":
                self._transport.write(octets[: len(octets) // 2])
                self._transport.close()
            case "silent" | "closed":
                pass

    async def _look(self) -> None:
        """Tell what happens, and repeat what was not confirmed."""
        while True:
            await asyncio.sleep(LOOK_S)
            for end in self._ends.values():
                end.look(asyncio.get_running_loop().time())


class _End:
    """The link to one outstation of one connection."""

    def __init__(
        self, outstation: Outstation, header: DataLinkHeader, write: Callable[[bytes], None], *, confirms: bool
    ) -> None:
        self.outstation = outstation
        self.dialogue = Dialogue(outstation, self._send)
        self._master, self._own = header.source, header.destination
        self._write, self._confirms = write, confirms
        self._segmenter, self._reassembler = Segmenter(), Reassembler(outstation.most_octets)
        self._unsent: deque[bytes] = deque()
        self._fcb: bool | None = None
        self._told_restart = False
        self._awaited: object = None
        self._since_s = 0.0

    def take(self, frame: DataLinkFrame) -> None:
        """Take a frame of the master."""
        control, to = frame.header.control, (self._master, self._own)
        if not control.prm:
            if control.function_code == Code.SEC_ACK:
                self._acknowledged()
        elif control.function_code == Code.PRI_REQUEST_LINK_STATUS:
            self._write(build_link_status(*to, False).to_bytes())
        elif control.function_code in (Code.PRI_RESET_LINK_STATE, Code.PRI_TEST_LINK_STATE):
            self._write(build_ack(*to, False).to_bytes())
        elif frame.user_data:
            found = self._reassembler.add(TransportSegment.from_bytes(frame.user_data))
            if found is not None:
                self.dialogue.take(found.data)

    def look(self, now_s: float) -> None:
        """Tell what happened; the first thing to tell is that it has restarted, without any object."""
        null = self.outstation.restarted and not self._told_restart
        if self.outstation.unsolicited and self.dialogue.tell(null=null):
            self._told_restart = self._told_restart or null
        if self.dialogue.awaits is not self._awaited:
            self._awaited, self._since_s = self.dialogue.awaits, now_s
        elif self._awaited is not None and now_s - self._since_s > CONFIRM_S:
            self.dialogue.tell_again()
            self._since_s = now_s

    def _send(self, fragment: bytes) -> None:
        for segment in self._segmenter.segment(fragment):
            if not self._confirms:
                self._frame(Code.PRI_UNCONFIRMED_USER_DATA, segment.to_bytes())
                continue
            self._unsent.append(segment.to_bytes())
            if len(self._unsent) == 1:
                self._reset_or_send()

    def _reset_or_send(self) -> None:
        if self._fcb is None:
            self._write(build_reset_link_state(self._master, self._own, False).to_bytes())
        elif self._unsent:
            self._frame(Code.PRI_CONFIRMED_USER_DATA, self._unsent[0], fcb=self._fcb)

    def _acknowledged(self) -> None:
        if self._fcb is None:
            self._fcb = True
        elif self._unsent:
            self._fcb = not self._fcb
            self._unsent.popleft()
        self._reset_or_send()

    def _frame(self, code: Code, data: bytes, *, fcb: bool | None = None) -> None:
        with suppress(ConnectionError):
            frame = build_primary_frame(
                self._master, self._own, code, False, fcb=bool(fcb), fcv=fcb is not None, user_data=data
            )
            self._write(frame.to_bytes())
