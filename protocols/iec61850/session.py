"""One MMS association over TCP or TLS: requests and their answers by invoke id, and reports as they come.

A request that timed out leaves its id behind: its answer, when it comes after all, is counted and dropped. Every other
surprise is a violation, which ends the association at once.
"""

import asyncio
import itertools
from collections import OrderedDict
from typing import Final, TypeAlias

from open61850.mms import pdu
from open61850.mms.association import (
    Association,
    AssociationError,
    AssociationParameters,
    association_request,
    decode_association_response,
)

from protocols.driver import LinkLost
from protocols.iec61850.codec import WRONG, Answer, Refusal, Report, incoming
from protocols.iec61850.config import PORTS, Iec61850Device
from protocols.iec61850.transport import Disconnected, Stream, Violation, connection_request
from protocols.tcp import open_tcp
from protocols.wire import Wire

MOST_REPORT_BYTES: Final = 2_097_152
"""Reports that may wait to be taken: a second of a full 16 Mbit/s, while they are taken every 50 ms. Beyond it TCP
holds the rest back, so that none is lost."""
MOST_REPORTS: Final = 4096
"""The same, counted: a report of one value takes 100 bytes and ten objects."""
MOST_ABANDONED: Final = 256
"""Requests whose late answer is still known: as many time-outs in a row end the association long before."""
UNSENT_BYTES: Final = 131_072
"""Requests the peer has not even taken in: beyond it reads nothing and the link is lost."""
CALLING_TSEL: Final = b"\x00\x01"
LEAST_PDU: Final = 512
"""A server that wants less cannot answer the questions at the start; many say 0 where they mean nothing."""

Outcome: TypeAlias = Answer | Refusal | Exception


class Session(Wire, asyncio.Protocol):
    """The client's end. `late` counts late answers; `heard` is when the device spoke; when `full`, it must wait."""

    unsent_bytes = UNSENT_BYTES

    def __init__(self) -> None:
        super().__init__()
        self.late = 0
        self.full = False
        self.reports: list[Report] = []
        self.max_pdu = LEAST_PDU
        self.heard = self._loop.time()
        self._report_bytes = 0
        self._stream = Stream()
        self._opening: asyncio.Future[bytes | None] | None = None
        self._ids = itertools.cycle(range(1, 1 << 31))
        self._waiting: dict[int, asyncio.Future[Outcome]] = {}
        self._abandoned: OrderedDict[int, None] = OrderedDict()
        self._turns = asyncio.Semaphore(1)

    @classmethod
    async def open(cls, device: Iec61850Device) -> "Session":
        """Associate with `device`.

        Raises:
            OSError: nobody answers, or no certificate fits.
            LinkLost: it refuses, or speaks another protocol.
        """
        session = await open_tcp(cls, device, device.url, PORTS)
        try:
            await session._associate(device)  # noqa: SLF001  its own class
        except BaseException:
            session._end("not associated")  # noqa: SLF001
            raise
        return session

    async def ask(self, service: bytes, timeout_s: float) -> Answer | Refusal:
        """Send a confirmed request when it is its turn, and return what answers it.

        Raises:
            TimeoutError: no answer within `timeout_s`; the association goes on.
            LinkLost: the association is over.
        """
        async with self._turns:
            invoke_id = next(self._ids)
            self._send(pdu.wrap(pdu.confirmed_request(invoke_id, service)))
            waiting: asyncio.Future[Outcome] = self._loop.create_future()
            self._waiting[invoke_id] = waiting
            try:
                async with asyncio.timeout(timeout_s):
                    outcome = await waiting
            except TimeoutError:
                raise TimeoutError(f"no answer in {timeout_s:g} s") from None
            finally:
                del self._waiting[invoke_id]
                if not waiting.done() or waiting.cancelled():
                    self._abandon(invoke_id)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def take_reports(self) -> list[Report]:
        """Return and forget the reports that wait."""
        taken, self.reports = self.reports, []
        self._report_bytes = 0
        if self.full and self._transport is not None:
            self.full = False
            self._transport.resume_reading()
        return taken

    def conclude(self) -> None:
        """Say goodbye; the answer is not waited for."""
        if self.over is None:
            self._send(pdu.wrap(pdu.conclude_request()))

    async def close(self) -> None:
        """End the association now."""
        transport = self._transport
        if self.over is None and transport is not None and transport.get_write_buffer_size() == 0:
            transport.close()  # what was sent still arrives
        self._end("closed", abort=False)
        await asyncio.sleep(0)
        if transport is not None:
            transport.abort()

    async def _associate(self, device: Iec61850Device) -> None:
        try:
            await self._exchange(connection_request(bytes.fromhex(device.t_selector), CALLING_TSEL))
            parameters = AssociationParameters(
                max_pdu_size=device.max_pdu,
                max_outstanding=device.max_outstanding,
                called_session_selector=bytes.fromhex(device.s_selector),
                called_presentation_selector=bytes.fromhex(device.p_selector),
            )
            accepted = await self._exchange(self._stream.frames(association_request(parameters)))
            self._agree(device, decode_association_response(accepted or b""))
        except AssociationError as error:
            raise LinkLost(str(error)) from None
        except WRONG as error:
            self._violated(f"no association response: {error}"[:200])
            raise LinkLost(self.over or "") from None

    def _agree(self, device: Iec61850Device, accepted: Association) -> None:
        self.max_pdu = max(LEAST_PDU, min(device.max_pdu, accepted.max_pdu_size or device.max_pdu))
        self._turns = asyncio.Semaphore(max(1, min(device.max_outstanding, accepted.max_outstanding_calling)))

    async def _exchange(self, packet: bytes) -> bytes | None:
        transport, self._opening = self._live(), self._loop.create_future()
        transport.write(packet)
        answer = await self._opening
        if self.over is not None:
            raise LinkLost(self.over)
        return answer

    def _send(self, message: bytes) -> None:
        self._live().write(self._stream.frames(message))

    def _abandon(self, invoke_id: int) -> None:
        self._abandoned[invoke_id] = None
        while len(self._abandoned) > MOST_ABANDONED:
            self._abandoned.popitem(last=False)

    def _hear(self, message: bytes | None) -> None:
        """Take a message, or the confirm of the connection."""
        if self._opening is not None:
            opening, self._opening = self._opening, None
            if not opening.done():
                opening.set_result(message)
            return
        if message is None:
            return
        found = incoming(message)
        if isinstance(found, Report):
            self._keep(found)
        elif found is not None:
            self._settle(*found)

    def _settle(self, invoke_id: int, outcome: Answer | Refusal) -> None:
        waiting = self._waiting.get(invoke_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(outcome)
        elif invoke_id in self._abandoned:
            del self._abandoned[invoke_id]
            self.late += 1
        else:
            raise Violation(f"an answer to request {invoke_id}, which was not asked")

    def _keep(self, report: Report) -> None:
        """Let a report wait; where there are too many, the device waits."""
        self.reports.append(report)
        self._report_bytes += len(report.data)
        if not self.full and (len(self.reports) >= MOST_REPORTS or self._report_bytes >= MOST_REPORT_BYTES):
            self.full = True
            if self._transport is not None:
                self._transport.pause_reading()

    def break_off(self, reason: str, *, violation: bool) -> None:
        """End the association at once for what a report said."""
        if violation:
            self._violated(reason)
        else:
            self._end(reason)

    def _tell(self, reason: str) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(LinkLost(reason))
        if self._opening is not None and not self._opening.done():
            self._opening.set_result(None)

    def _half(self) -> int:
        return self._stream.half

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """Take the messages that are complete."""
        if self.over is not None:
            return
        self.heard = self._loop.time()
        try:
            for message in self._stream.take(data):
                self._hear(message)
        except Violation as violation:
            self._violated(str(violation))
        except Disconnected as goodbye:
            self._end(str(goodbye))
