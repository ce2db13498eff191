"""The link layer with octets of chance: it goes on or ends by a violation, and nothing else is raised."""

import asyncio
import random
import struct
from unittest.mock import Mock

import pytest
from dnp3.datalink.builder import build_unconfirmed_user_data
from dnp3.datalink.control import ControlByte
from dnp3.datalink.frame import DataLinkFrame

from protocols.dnp3.custody import Custody
from protocols.dnp3.decode import decode
from protocols.dnp3.link import Link
from protocols.dnp3.requests import EVENTS
from protocols.dnp3.session import Session, Taken
from protocols.driver import LinkLost

HEAD = bytes([0xC1, 0x81, 0, 0])
GOOD = HEAD + bytes([30, 2, 0x28, 2, 0]) + struct.pack("<HBhHBh", 1, 1, 5, 2, 1, 6)


def wire():
    """Return a link without a network, and a session over it that decodes what comes."""
    link = Link()
    transport = Mock(spec=asyncio.Transport)
    transport.get_extra_info.return_value = None
    link.connection_made(transport)

    def take(header, fragment):
        decode(fragment)
        return Taken.WHOLE

    return link, Session(link, 10, 1, take, Custody(lambda _: None))


def frame_of_chance(chance):
    """Return a frame with good checks and a content that may be anything."""
    segment = bytearray([chance.choice([0xC0, 0x40, 0x80, 0x00]) | chance.randrange(64)]) + bytearray(GOOD)
    for _ in range(chance.randrange(5)):
        segment[chance.randrange(len(segment))] = chance.randrange(256)
    data = bytes(segment[: chance.randrange(len(segment) + 1)] if chance.random() < 0.2 else segment)
    control = ControlByte.from_int(chance.choice([0x44, 0x44, 0x44, 0x53, 0x73, chance.randrange(256)]))
    return DataLinkFrame.build(
        chance.choice([1, 1, 1, 65535]), chance.choice([10, 10, 10, 11]), control, data
    ).to_bytes()


async def soak(count, seed):
    chance = random.Random(seed)
    ended = 0
    link, session = wire()
    asked = asyncio.ensure_future(session.request(EVENTS, 10))
    await asyncio.sleep(0)
    for _ in range(count):
        octets = bytearray(frame_of_chance(chance))
        if chance.random() < 0.05:
            octets[chance.randrange(len(octets))] ^= 1 << chance.randrange(8)
        link.data_received(bytes(octets))
        if asked.done() or link.over:
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
            if link.over:
                assert link.violation
                ended += 1
                link, session = wire()
            asked = asyncio.ensure_future(session.request(EVENTS, 10))
            await asyncio.sleep(0)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    return ended


async def test_frames_of_chance():
    """Some end the link with a violation, most do not; nothing else happens."""
    assert 0 < await soak(3_000, 1) < 3_000


@pytest.mark.slow
async def test_many_frames_of_chance():
    """The same for long."""
    assert await soak(100_000, 2)


async def test_split_anywhere_a_frame_is_the_same():
    """In two pieces at each place, and octet by octet."""
    octets = build_unconfirmed_user_data(1, 10, False, b"\xc0" + GOOD).to_bytes()
    for cut in range(len(octets) + 1):
        link, session = wire()
        asked = asyncio.ensure_future(session.request(EVENTS, 10))
        await asyncio.sleep(0)
        link.data_received(octets[:cut])
        link.data_received(octets[cut:])
        assert await asked == 0


async def test_a_peer_that_reads_nothing():
    """Requests that are not taken in end the link."""
    link, session = wire()
    asked = asyncio.ensure_future(session.request(EVENTS, 10))
    await asyncio.sleep(0)
    link.pause_writing()

    with pytest.raises(LinkLost, match="reads nothing"):
        await asked
