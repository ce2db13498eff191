"""A serial line: its url, what stands against opening it, and bytes both ways without ever blocking."""

import asyncio
import errno
import os
import tty

import pytest

from protocols.serial import SerialLine, SerialTransport, open_serial


def parse(url):
    return SerialLine.parse(url, "rtu", baud=19200, parity="E")


class Listener(asyncio.Protocol):
    """Keeps what comes and how it ends."""

    def __init__(self):
        self.heard, self.lost, self.pauses = b"", asyncio.get_running_loop().create_future(), []
        self.some = asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.heard += data
        self.some.set()

    def pause_writing(self):
        self.pauses.append("pause")

    def resume_writing(self):
        self.pauses.append("resume")

    def connection_lost(self, exc):
        self.lost.set_result(exc)


class Buffered(asyncio.BufferedProtocol):
    """Takes three bytes at a time."""

    def __init__(self):
        self.room, self.heard, self.whole = bytearray(3), b"", asyncio.Event()

    def get_buffer(self, _sizehint):
        return self.room

    def buffer_updated(self, nbytes):
        self.heard += self.room[:nbytes]
        if len(self.heard) == 10:
            self.whole.set()


@pytest.fixture
def pty():
    """Return a raw pseudo-terminal: our end, and the path of the other."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    yield ours, os.ttyname(theirs)
    for end in (ours, theirs):
        os.close(end)


def line(path):
    return SerialLine(path, 9600, "N")


def test_a_url_says_everything():
    """Every key, and what holds where the url says nothing."""
    assert parse("rtu:///dev/ttyS0?baud=9600&parity=O&stop=2&rs485=rts") == SerialLine("/dev/ttyS0", 9600, "O", 2, True)
    assert parse("rtu:///dev/ttyS0") == SerialLine("/dev/ttyS0", 19200, "E")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("rtu://dev/ttyS0", "is not rtu:///dev/TTY"),
        ("rtu:///tmp/x", "is not rtu:///dev/TTY"),
        ("serial:///dev/ttyS0", "is not rtu:///dev/TTY"),
        ("rtu:///dev/ttyS0?baud=960", "baud '960' in the url is none of 300, 600"),
        ("rtu:///dev/ttyS0?parity=even", "parity 'even' in the url is none of N, E, O"),
        ("rtu:///dev/ttyS0?stop=1.5", "stop '1.5' in the url is none of 1, 2"),
        ("rtu:///dev/ttyS0?bits=7", "'bits' in url .* is none of baud, parity, stop, rs485"),
        ("rtu:///dev/ttyS0?baud=", "baud '' in the url is none of"),
    ],
)
def test_what_a_url_may_not_say(url, says):
    """The message names the key and what is allowed."""
    with pytest.raises(ValueError, match=says):
        parse(url)


def test_a_character_takes_its_bits():
    """Start, eight data bits, parity, stop."""
    assert SerialLine("/dev/x", 9600, "E").char_s == 11 / 9600
    assert SerialLine("/dev/x", 9600, "N").char_s == 10 / 9600
    assert SerialLine("/dev/x", 9600, "N", 2).char_s == 11 / 9600


async def test_bytes_go_both_ways(pty):
    """What is written arrives, and what arrives is handed on."""
    ours, path = pty
    listener = await open_serial(Listener, line(path))
    listener.transport.write(b"question")
    assert os.read(ours, 100) == b"question"

    os.write(ours, b"answer\x11\x13\x03\x04\xff")
    await listener.some.wait()
    assert listener.heard == b"answer\x11\x13\x03\x04\xff"
    listener.transport.close()


async def test_a_protocol_with_a_buffer_of_its_own(pty):
    """However small its buffer is, it gets everything in order."""
    ours, path = pty
    buffered = await open_serial(Buffered, line(path))
    os.write(ours, b"0123456789")
    await buffered.whole.wait()

    assert buffered.heard == b"0123456789"


async def test_a_line_that_takes_nothing_in(pty):
    """Writing never blocks: the protocol is told to pause, and to resume when all is out."""
    ours, path = pty
    listener = await open_serial(Listener, line(path))
    listener.transport.set_write_buffer_limits(1000)
    listener.transport.write(bytes(100_000))
    assert listener.pauses == ["pause"]
    got = 0
    while got < 100_000:
        await asyncio.sleep(0)
        try:
            got += len(os.read(ours, 65536))
        except BlockingIOError:
            continue
    await asyncio.sleep(0)

    assert listener.pauses == ["pause", "resume"]
    assert listener.transport.get_write_buffer_size() == 0
    listener.transport.close()


async def test_closing_drops_what_was_not_sent(pty):
    """Closing twice, at once, whatever the line holds up."""
    _, path = pty
    listener = await open_serial(Listener, line(path))
    listener.transport.write(bytes(100_000))
    async with asyncio.timeout(30):
        listener.transport.close()
        listener.transport.abort()
        listener.transport.write(b"more")
        listener.transport.resume_reading()
        assert await listener.lost is None
    assert listener.transport.is_closing()


async def test_an_adapter_that_is_pulled_out():
    """The protocol learns it at once."""
    ours, theirs = os.openpty()
    listener = await open_serial(Listener, line(os.ttyname(theirs)))
    os.close(theirs)
    os.close(ours)

    async with asyncio.timeout(30):
        lost = await listener.lost
    assert isinstance(lost, OSError)
    assert lost.errno == errno.EIO


async def test_a_line_belongs_to_one(pty):
    """A second program, or a second driver, is told who is there; after closing it may have the line."""
    _, path = pty
    first = await open_serial(Listener, line(path))
    with pytest.raises(OSError, match="another program has the line"):
        await open_serial(Listener, line(path))
    first.transport.close()

    (await open_serial(Listener, line(path))).transport.close()


async def test_what_is_no_line():
    """A line that is not there, and a device that is none."""
    with pytest.raises(OSError, match="/dev/ttyNONE: there is no such line"):
        await open_serial(Listener, line("/dev/ttyNONE"))
    with pytest.raises(OSError, match="/dev/null: this is no serial line"):
        await open_serial(Listener, line("/dev/null"))


async def test_a_port_that_cannot_switch_its_sender(pty):
    """A pseudo-terminal has no RS-485 driver; the line is free again afterwards."""
    _, path = pty
    with pytest.raises(OSError, match="cannot switch its sender by rs485=rts"):
        await open_serial(Listener, SerialLine(path, 9600, "N", rs485=True))
    (await open_serial(Listener, line(path))).transport.close()


async def test_pausing(pty):
    """Nothing is handed on while reading is paused, and nothing is lost."""
    ours, path = pty
    listener = await open_serial(Listener, line(path))
    assert isinstance(listener.transport, SerialTransport)
    listener.transport.pause_reading()
    os.write(ours, b"later")
    await asyncio.sleep(0.01)
    assert listener.heard == b""
    listener.transport.resume_reading()
    await listener.some.wait()
    assert listener.heard == b"later"
    listener.transport.close()
