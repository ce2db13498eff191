"""The file of what the checks have learned, beside the store: replaced whole, so that it is the old one or the new one.

It is written hourly and at a stop: what a kill takes from the checks is an hour of learning at most, and no message.
"""

from pathlib import Path

import structlog

from gateway.store.files import read_at_most, replace_whole

log = structlog.get_logger()

FILE = "learned.state"
LEARNED_BYTES = 1 << 30
"""A larger file is not read: 200,000 points of 2.5 kB each fill half of it."""


def read(directory: Path) -> bytes:
    """Return what was written last; nothing where there is none, or the disk refuses."""
    try:
        found = read_at_most(directory / FILE, LEARNED_BYTES)
    except FileNotFoundError:
        return b""
    except OSError as error:
        log.warning("learned_not_read", reason=str(error))
        return b""
    return found if len(found) <= LEARNED_BYTES else b""


def write(directory: Path, learned: bytes | bytearray) -> bool:
    """Replace the file; it is on disk then. Return False when the disk refuses: the old one is still there."""
    try:
        replace_whole(directory / FILE, learned)
    except OSError as error:
        log.warning("learned_not_kept", reason=str(error))
        return False
    return True
