"""Loads a configuration in a process of its own, so that the memory of reading and checking it goes with that process.

The daemon itself neither imports the loader nor keeps its leavings: 10 MB less for 10,000 points, and a reload leaves
nothing behind. What comes back is the frozen object, or the faults. Equal limits, roles and numbers come back as one
object, which is another 4 MB less where 10,000 points have the same limits.

    standard output: | pickle of the list of what is shared | pickle that refers to that list |
"""

import pickle
import subprocess
import sys
from io import BytesIO
from pathlib import Path

from gateway.begin import begin, command, environment
from gateway.config.fault import ConfigError
from gateway.config.model import Config
from protocols.point import Limits, Role

SHARED = (Limits, Role, float)


def load_apart(path: Path, begun: "subprocess.Popen[bytes] | None" = None) -> Config:
    """Return the configuration in the file `path`; `begun` is the process that reads it, where there is one already.

    Raises:
        ConfigError: everything that is wrong with it.
        ChildProcessError: the other process died, which says why on standard error.
    """
    with begun or begin(path) as process:
        said, _ = process.communicate()
    return _answered(path, process.returncode, said)


async def load_beside(path: Path) -> Config:
    """Do `load_apart` beside the event loop; who gives it up ends the other process.

    Raises:
        ConfigError, ChildProcessError: as there.
        OSError: there cannot be another process.
    """
    import asyncio  # noqa: PLC0415 - the other process, which reads this file too, is sooner ready without

    process = await asyncio.create_subprocess_exec(
        *command(path), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment()
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return await asyncio.to_thread(_answered, path, process.returncode, said)


def _answered(path: Path, code: int, said: bytes) -> Config:
    if code:
        raise ChildProcessError(f"reading {path} ended with code {code}")
    answered = unpacked(said)
    if isinstance(answered, Config):
        return answered
    assert isinstance(answered, tuple)
    raise ConfigError(answered)


def answer(path: str) -> None:
    """Write the configuration, or the faults, to standard output; in the other process."""
    from gateway.config.loader import load  # noqa: PLC0415 - the point of it all: only here

    try:
        answered: object = load(Path(path))
    except ConfigError as error:
        answered = error.faults
    sys.stdout.buffer.write(packed(answered))


def packed(answered: object) -> bytes:
    """Return the two pickles of `answered`."""
    body = BytesIO()
    sharing = _Sharing(body)
    sharing.dump(answered)
    return pickle.dumps(list(sharing.shared)) + body.getvalue()


class _Sharing(pickle.Pickler):
    """Writes what is equal once: `shared` holds it in the order of its numbers."""

    def __init__(self, file: BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.shared: dict[Limits | Role | float, int] = {}

    def persistent_id(self, value: object) -> int | None:
        """Return the number of `value` if it is shared."""
        if type(value) in SHARED:
            assert isinstance(value, Limits | Role | float)
            return self.shared.setdefault(value, len(self.shared))
        return None


def unpacked(data: bytes) -> object:
    """Return what was `packed`."""
    stream = BytesIO(data)
    shared: list[object] = pickle.load(stream)  # noqa: S301 - our own process wrote it
    return _Reader(stream, shared).load()


class _Reader(pickle.Unpickler):
    """Reads what `_Sharing` wrote, with what is `shared`. A class, as Python 3.13 lets no reader be changed."""

    def __init__(self, file: BytesIO, shared: list[object]) -> None:
        super().__init__(file)
        self._shared = shared

    def persistent_load(self, number: int) -> object:
        """Return what is shared under `number`."""
        return self._shared[number]
