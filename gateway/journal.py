r"""The journal of systemd: log lines as its native fields (systemd.io/JOURNAL_NATIVE_PROTOCOL), so that it finds them.

    KEY=value\n                                       a value without a line break
    KEY\n | length u64, little endian | value | \n    any value

An entry is one datagram; what is larger than the kernel takes goes as a sealed memfd (sd_journal_print(3)). The loop
waits for nothing: what journald has no room for is dropped and counted, which the next entry tells. Where there is no
journald any more, lines go to standard error.
"""

import errno
import fcntl
import json
import os
import re
import socket
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

SOCKET: Final = "/run/systemd/journal/socket"
IDENTIFIER: Final = "gridsentinel"
PRIORITIES: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""Levels as syslog has them (RFC 5424 table 2)."""
NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
"""What journald takes for a field; one that begins with an underscore is its own."""
RESERVED: Final = frozenset({"MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "EVENT", "LEVEL", "LOG_DROPPED"})
VALUE_BYTES: Final = 65_536
"""Of a longer value the beginning is written: a traceback has some thousand."""
FULL: Final = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM)
SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def listens(fd: int = 2) -> bool:
    """Return whether the file `fd` goes to the journal: JOURNAL_STREAM names its device and inode (systemd.exec(5))."""
    with suppress(OSError):
        seen = os.fstat(fd)
        return os.environ.get("JOURNAL_STREAM") == f"{seen.st_dev}:{seen.st_ino}"
    return False


class Journal:
    """A logger of structlog that is given fields. `dropped` counts entries for which journald had no room."""

    def __init__(self, path: str | Path = SOCKET) -> None:
        self.dropped = self._told = 0
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)

    def __call__(self, *_: object) -> "Journal":
        """Return itself, where structlog asks for a logger."""
        return self

    def msg(self, **fields: Any) -> None:
        """Write an entry."""
        extra = {"LOG_DROPPED": str(self.dropped)} if self.dropped > self._told else {}
        try:
            self._send(entry({**told(fields), **extra}))
        except OSError as error:
            if error.errno in FULL:
                self.dropped += 1
                return
            sys.stderr.write(json.dumps(fields, default=repr) + "\n")
        else:
            self._told = self.dropped if extra else self._told

    debug = info = warning = error = critical = msg

    def close(self) -> None:
        """Write no more."""
        self._socket.close()

    def _send(self, content: bytes) -> None:
        try:
            self._socket.sendto(content, self._path)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            self._send_file(content)

    def _send_file(self, content: bytes) -> None:
        file = os.memfd_create("journal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with os.fdopen(os.dup(file), "wb") as writing:
                writing.write(content)
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, SEALS)
            handed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", file))]
            self._socket.sendmsg([b""], handed, 0, self._path)
        finally:
            os.close(file)


def told(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of an entry: a sentence for people, and each key in upper case for those who filter."""
    event, level = str(fields.get("event", "")), str(fields.get("level", "info"))
    words = {key: _text(value) for key, value in fields.items() if key not in ("event", "level")}
    details = ", ".join(f"{key} {value}" for key, value in words.items() if key != "exception")
    own = {key.upper(): value for key, value in words.items()}
    return {
        "MESSAGE": event.replace("_", " ") + (f": {details}" if details else ""),
        "PRIORITY": str(PRIORITIES.get(level, 6)),
        "SYSLOG_IDENTIFIER": IDENTIFIER,
        "EVENT": event,
        **{key: value for key, value in own.items() if NAME.fullmatch(key) and key not in RESERVED},
    }


def entry(fields: Mapping[str, str]) -> bytes:
    """Return `fields` as journald reads them."""
    return b"".join(_field(key.encode(), value.encode(errors="replace")[:VALUE_BYTES]) for key, value in fields.items())


def _field(key: bytes, value: bytes) -> bytes:
    if b"\n" in value:
        return key + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"
    return key + b"=" + value + b"\n"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=repr, ensure_ascii=False)
