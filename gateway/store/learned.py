"""The file of what the checks have learned, beside the store: replaced whole, so that it is the old one or the new one.

It is written hourly and at a stop: what a kill takes from the checks is an hour of learning at most, and no message. It
comes and goes in pieces: of 50,000 points it is 127 MB, for which there need not be room in memory.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import structlog

from gateway.store.files import Replacement

log = structlog.get_logger()

FILE = "learned.state"
LEARNED_BYTES = 1 << 30
"""A larger file is not read: 200,000 points of 2.5 kB each fill half of it."""


def opened(directory: Path) -> BinaryIO | None:
    """Return what was written last, to be read; None where there is nothing, or the disk refuses."""
    try:
        file = (directory / FILE).open("rb")
    except FileNotFoundError:
        return None
    except OSError as error:
        not_read(error)
        return None
    if os.fstat(file.fileno()).st_size <= LEARNED_BYTES:
        return file
    file.close()
    return None


def begin(directory: Path) -> Replacement:
    """Begin to write what replaces the file.

    Raises:
        OSError: the disk refuses.
    """
    return Replacement(directory / FILE)


def write(directory: Path, pieces: Iterable[bytes]) -> bool:
    """Replace the file; it is on disk then. Return False when the disk refuses: the old one is still there."""
    try:
        new = begin(directory)
        for piece in pieces:
            new.add(piece)
        new.put()
    except OSError as error:
        not_kept(error)
        return False
    return True


def not_read(error: OSError) -> None:
    """Say that it could not be read."""
    log.warning("learned_not_read", reason=str(error))


def not_kept(error: OSError) -> None:
    """Say that it could not be written."""
    log.warning("learned_not_kept", reason=str(error))
