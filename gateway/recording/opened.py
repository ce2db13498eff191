"""Finds out what a recording is, by what the file begins with, and opens it."""

import gzip
import zlib
from contextlib import suppress
from pathlib import Path

from gateway.recording import segment
from gateway.recording.source import BadRecording, Source
from gateway.recording.store_file import MAGIC as SQLITE
from gateway.store.files import DATABASE
from protocols.points import Points
from protocols.tap.config import TapDevice

FOLDER = "recording"
"""Where the recorder writes, below state_dir."""
CAPTURES = (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x0a\x0d\x0d\x0a")


def opened(path: Path, points: Points, tap: TapDevice | None = None) -> Source:
    """Return the recording at `path`: a table, a store, a folder of the recorder, or a state_dir with one of the two.

    A capture of the network is one, too, where `tap` says who would have taken it.

    Raises:
        BadRecording: it is none of them.
    """
    if is_capture(path):
        if tap is None:
            raise BadRecording(f"{path}: a capture has frames and no readings")
        from gateway.recording.capture_file import CaptureFile  # noqa: PLC0415 - each reader when it is needed

        return CaptureFile(path, points, tap)
    try:
        return _folder(path, points) if path.is_dir() else _file(path, points)
    except OSError as error:
        raise BadRecording(f"{path}: {error.strerror or error}") from error


def is_capture(path: Path) -> bool:
    """Return whether the file at `path` begins as captures do, gzip or not."""
    with suppress(OSError, EOFError, zlib.error):
        with path.open("rb") as file:
            begins = file.read(4)
        if begins.startswith(b"\x1f\x8b"):
            with gzip.open(path) as file:
                begins = file.read(4)
        return begins in CAPTURES
    return False


def _folder(path: Path, points: Points) -> Source:
    from gateway.recording.segments import SUFFIX, Segments  # noqa: PLC0415 - each reader when it is needed
    from gateway.recording.store_file import StoreFile  # noqa: PLC0415

    for folder in (path, path / FOLDER):
        if any(folder.glob(f"*{SUFFIX}")):
            return Segments(folder, points)
    if (path / DATABASE).is_file():
        return StoreFile(path / DATABASE, points)
    raise BadRecording(f"{path}: this folder has neither a recording (*{SUFFIX}) nor a store ({DATABASE})")


def _file(path: Path, points: Points) -> Source:
    from gateway.recording.csv_file import CsvFile  # noqa: PLC0415
    from gateway.recording.parquet_file import ParquetFile  # noqa: PLC0415
    from gateway.recording.segments import Segments  # noqa: PLC0415
    from gateway.recording.store_file import StoreFile  # noqa: PLC0415

    with path.open("rb") as file:
        begins = file.read(len(SQLITE))
    if begins.startswith(SQLITE):
        return StoreFile(path, points)
    if begins.startswith(b"PAR1"):
        return ParquetFile(path, points)
    if begins.startswith(segment.MAGIC):
        return Segments(path, points)
    if b"\0" in begins and not begins.startswith(b"\x1f\x8b"):
        raise BadRecording(f"{path}: this is no CSV, Parquet, store or segment of the recorder")
    return CsvFile(path, points)
