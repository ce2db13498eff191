"""A serial line on the event loop: its settings as a url says them, and a transport that never blocks.

    rtu:///dev/ttyS0?baud=9600&parity=E&stop=1&rs485=rts        three slashes: no host, an absolute path

Eight data bits always. `parity` is N, E or O, `stop` 1 or 2; `rs485=rts` lets the kernel switch the sender on while it
sends (TIOCSRS485), for ports that do not by themselves. The line is locked (flock): two programs on it would answer
each other's questions.
"""

import asyncio
import errno
import os
import termios
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from serial import Serial

P = TypeVar("P", bound=asyncio.Protocol | asyncio.BufferedProtocol)

BAUDS: Final = (300, 600, 1200, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 57600, 115200, 230400, 460800, 921600)
"""Rates that devices have: a typo such as 960 is no rate."""
READ_BYTES: Final = 4096
"""Most bytes taken at once: the line discipline of Linux holds no more (N_TTY_BUF_SIZE)."""
UNSENT_BYTES: Final = 4096
"""Bytes the line has not taken in yet: beyond it the protocol is told to pause, as by any transport."""

_KEYS: Final = ("baud", "parity", "stop", "rs485")
_CAUSES: Final = {
    errno.ENOENT: "there is no such line: is the adapter plugged in?",
    errno.EACCES: "this user may not open it: add it to the group dialout",
    errno.EAGAIN: "another program has the line",
    errno.EBUSY: "another program has the line",
    errno.ENOTTY: "this is no serial line",
    errno.EIO: "the line gives no answer: is the adapter plugged in?",
}


@dataclass(frozen=True, slots=True)
class SerialLine:
    """How a line is set: eight data bits, `parity` N, E or O, `stop` bits."""

    path: str
    baud: int
    parity: str
    stop: int = 1
    rs485: bool = False

    @classmethod
    def parse(cls, url: str, scheme: str, *, baud: int, parity: str) -> "SerialLine":
        """Read `SCHEME:///dev/ttyS0?baud=9600`; `baud` and `parity` are what holds where the url says nothing.

        Raises:
            ValueError: says what is wrong and what is allowed.
        """
        parts = urlsplit(url)
        if parts.scheme != scheme or parts.netloc or not parts.path.startswith("/dev/") or parts.fragment:
            raise ValueError(f"url '{url}' is not {scheme}:///dev/TTY?baud=N&parity=N|E|O&stop=1|2")
        said = dict(parse_qsl(parts.query, keep_blank_values=True))
        for key in said:
            if key not in _KEYS:
                raise ValueError(f"'{key}' in url '{url}' is none of {', '.join(_KEYS)}")
        return cls(
            parts.path,
            int(_one_of(said.get("baud", str(baud)), "baud", tuple(map(str, BAUDS)))),
            _one_of(said.get("parity", parity), "parity", ("N", "E", "O")),
            int(_one_of(said.get("stop", "1"), "stop", ("1", "2"))),
            _one_of(said.get("rs485", "no"), "rs485", ("no", "rts")) == "rts",
        )

    @property
    def char_s(self) -> float:
        """How long a character takes: start bit, eight data bits, parity, stop bits."""
        return (1 + 8 + (self.parity != "N") + self.stop) / self.baud


async def open_serial(make: Callable[[], P], line: SerialLine) -> P:
    """Open `line`, and return the protocol that `make` gives, with a `SerialTransport`.

    Raises:
        OSError: says why the line cannot be opened, and what helps.
    """
    port = _opened(line)
    protocol = make()
    transport = SerialTransport(asyncio.get_running_loop(), port, protocol)
    protocol.connection_made(transport)
    transport.resume_reading()
    return protocol


class SerialTransport(asyncio.Transport):
    """Both directions of one line. `close` and `abort` are the same: what was not sent yet is dropped.

    A line that a fault holds up could otherwise keep the process for half a minute (closing_wait of Linux).
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, port: "Serial", protocol: asyncio.Protocol | asyncio.BufferedProtocol
    ) -> None:
        super().__init__({"serial": port})
        self._loop, self._port, self._protocol = loop, port, protocol
        self._fd: int = port.fileno()
        self._unsent = bytearray()
        self._most = UNSENT_BYTES
        self._paused = self._closing = False

    def is_closing(self) -> bool:
        """Whether the line is given up."""
        return self._closing

    def close(self) -> None:
        """Give up the line now."""
        self._end(None)

    def abort(self) -> None:
        """Give up the line now."""
        self._end(None)

    def pause_reading(self) -> None:
        """Leave what comes to the kernel, which keeps 4 KiB of it."""
        self._loop.remove_reader(self._fd)

    def resume_reading(self) -> None:
        """Hand on what comes."""
        if not self._closing:
            self._loop.add_reader(self._fd, self._read)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:  # noqa: ARG002
        """Tell the protocol to pause beyond `high` unsent bytes; it may resume when none is left."""
        self._most = UNSENT_BYTES if high is None else high

    def get_write_buffer_size(self) -> int:
        """Return how many bytes the line has not taken in yet."""
        return len(self._unsent)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`, at once as far as the line takes it in."""
        if self._closing:
            return
        idle = not self._unsent
        self._unsent += data
        if idle:
            self._write()
            if self._unsent and not self._closing:
                self._loop.add_writer(self._fd, self._write)
        if len(self._unsent) > self._most and not self._paused:
            self._paused = True
            self._protocol.pause_writing()

    def _write(self) -> None:
        try:
            del self._unsent[: os.write(self._fd, self._unsent)]
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(error)
            return
        if not self._unsent:
            self._loop.remove_writer(self._fd)
            if self._paused:
                self._paused = False
                self._protocol.resume_writing()

    def _read(self) -> None:
        try:
            data = os.read(self._fd, READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(error)
            return
        if not data:
            self._end(OSError(errno.EIO, "the line hung up"))
        elif isinstance(self._protocol, asyncio.BufferedProtocol):
            self._fill(self._protocol, data)
        else:
            self._protocol.data_received(data)

    def _fill(self, protocol: asyncio.BufferedProtocol, data: bytes) -> None:
        left = memoryview(data)
        while left and not self._closing:
            room: Any = protocol.get_buffer(len(left))
            count = min(len(room), len(left))
            room[:count] = left[:count]
            protocol.buffer_updated(count)
            left = left[count:]

    def _end(self, error: OSError | None) -> None:
        if self._closing:
            return
        self._closing = True
        self._unsent.clear()
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        with suppress(OSError, termios.error):
            self._port.reset_output_buffer()
        self._port.close()
        self._loop.call_soon(self._protocol.connection_lost, error)


def _opened(line: SerialLine) -> "Serial":
    from serial import Serial  # noqa: PLC0415  loaded only when a line is opened
    from serial.rs485 import RS485Settings  # noqa: PLC0415

    try:
        port = Serial(
            line.path, line.baud, parity=line.parity, stopbits=line.stop, timeout=0, write_timeout=0, exclusive=True
        )
    except (OSError, termios.error, ValueError) as error:
        raise OSError(f"{line.path}: {_cause(error)}") from None
    with suppress(OSError, ValueError):
        port.set_low_latency_mode(True)  # an FTDI adapter else holds bytes for 16 ms
    if line.rs485:
        try:
            port.rs485_mode = RS485Settings()
        except (OSError, ValueError):
            port.close()
            raise OSError(f"{line.path}: this port cannot switch its sender by rs485=rts") from None
    return port


def _cause(error: BaseException) -> str:
    """Return why a line cannot be opened; pyserial keeps some numbers in the error before."""
    for one in (error, error.__context__):
        number = one.args[0] if one is not None and one.args else None
        if isinstance(number, int) and number in _CAUSES:
            return _CAUSES[number]
    return str(error)


def _one_of(word: str, key: str, allowed: tuple[str, ...]) -> str:
    if word not in allowed:
        raise ValueError(f"{key} '{word}' in the url is none of {', '.join(allowed)}")
    return word
