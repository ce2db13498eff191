"""Whether the gateway is what it was: hashes of its code, configuration and unit, its audit log and its baseline.

Looked at when it starts and once a day, the configuration also after a reload, in a thread. What is found goes the way
of all events; the check `gateway_integrity` compares it with what was there first. Every file of our packages is
hashed, for a library beside a source is loaded before it; but not what Python has compiled from sources: it changes
with every version of Python, and is made anew from another source. Who can change this file too can make it say
anything: `status --evidence` and a copy elsewhere help then.
"""

import asyncio
import glob
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import structlog

import gateway
from gateway.poll.poller import Put
from gateway.store.audit import lines, seals
from gateway.store.baseline import edited
from gateway.store.chain import verified
from protocols.driver import Clock
from protocols.model import GATEWAY, EventKind
from protocols.sighting import Sighting

log = structlog.get_logger()

EVERY_S: Final = 86_400.0
"""How often it is looked at: hashing takes a tenth of a second, and who tampers restarts the gateway."""
FILES_MAX: Final = 4096
"""Files that are hashed of one kind: seven times as many as there are."""
FILE_BYTES_MAX: Final = 8 * 1024 * 1024
"""Of each file; the largest source has 20 KiB, and a configuration may not be larger."""
UNITS: Final = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
)
UNIT: Final = "gridsentinel.service"
PACKAGES: Final = ("gateway", "protocols", "detectors", "simulator")
COMPILED: Final = "__pycache__"
WHOLE, BROKEN = "whole", "broken"


class Integrity:
    """Looks now and then. `include` are the patterns of further files of the configuration as it is now."""

    def __init__(
        self, path: Path, state_dir: Path, *, include: Callable[[], Sequence[str]], put: Put, clock: Clock
    ) -> None:
        self._path, self._state_dir = path, state_dir
        self._include, self._put, self._clock = include, put, clock
        self._again = asyncio.Event()
        self._taking, self._taken = True, ""

    async def run(self) -> None:
        """Look at the start and once a day, for ever."""
        while True:
            for seen in await self._in_thread():
                await self._put(seen)
            self._again.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._again.wait()

    def again(self) -> None:
        """Look soon."""
        self._again.set()

    def taken_up(self) -> None:
        """Look soon: what the file of the configuration says now is at work."""
        self._taking = True
        self._again.set()

    async def _in_thread(self) -> Sequence[Sighting]:
        """Look in a thread of its own, for which a stop does not wait.

        Its priority is that of all: a thread that is put back while it holds the interpreter holds the polls, too.
        """
        thread = ThreadPoolExecutor(1, thread_name_prefix="integrity")
        try:
            return await asyncio.get_running_loop().run_in_executor(thread, self.look)
        finally:
            thread.shutdown(wait=False, cancel_futures=True)

    def look(self) -> Sequence[Sighting]:
        """Return what there is now; a kind of which there is no file says nothing."""
        found = {
            "code": digest(sources()),
            "config": digest(configuration(self._path, self._include())),
            "unit": digest(unit()),
        }
        if self._taking:
            self._taking, self._taken = False, found["config"]
        said = [self._said(what, value, value) for what, value in found.items() if value]
        for what, look in (("audit", audit_gap), ("baseline", baseline_edit)):
            with suppress(OSError):  # a disk that does not answer is told by the health, and proves nothing
                wrong = look(self._state_dir)
                if wrong:
                    log.warning("record_changed", what=what, reason=wrong)
                said.append(self._said(what, BROKEN if wrong else WHOLE, wrong))
        return said

    def _said(self, what: str, value: str, detail: str) -> Sighting:
        facts: dict[str, str | bool] = {"value": value, "version": gateway.__version__}
        if what == "config":
            facts["taken_up"] = value == self._taken
        return Sighting(
            GATEWAY, EventKind.INTEGRITY, detail, self._clock(), function=what, facts=facts, live=True
        )  # fmt: skip


def sources() -> Iterator[tuple[str, Path]]:
    """Yield the files of our packages, each with the name it has in its package."""
    for package in PACKAGES:
        spec = find_spec(package)
        for base in map(Path, (spec and spec.submodule_search_locations) or ()):
            for path in sorted(base.rglob("*")):
                name = path.relative_to(base)
                if COMPILED not in name.parts and not path.is_dir():
                    yield f"{package}/{name}", path


def configuration(main: Path, include: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Yield the files of the configuration."""
    yield main.name, main
    for pattern in include:
        for name in sorted(glob.glob(pattern, root_dir=main.parent)):  # noqa: PTH207 - Path.glob refuses absolute ones
            yield name, main.parent / name


def unit(places: Iterable[str] = UNITS) -> Iterator[tuple[str, Path]]:
    """Yield the systemd unit and its drop-ins, wherever they are."""
    for place in map(Path, places):
        if (path := place / UNIT).is_file():
            yield str(path), path
        for drop_in in sorted((place / f"{UNIT}.d").glob("*.conf")):
            yield str(drop_in), drop_in


def digest(files: Iterable[tuple[str, Path]]) -> str:
    """Return the SHA-256 of names and contents, empty without a file; one that cannot be read counts as such."""
    whole, count = hashlib.sha256(), 0
    for count, (name, path) in enumerate(files, 1):
        if count > FILES_MAX:
            whole.update(b"and more")
            break
        try:
            with path.open("rb") as file:
                content = hashlib.sha256(file.read(FILE_BYTES_MAX)).hexdigest()
        except OSError as error:
            content = f"unreadable {error.errno}"
        whole.update(f"{len(name)} {name} {content}\n".encode())
    return whole.hexdigest() if count else ""


def audit_gap(state_dir: Path) -> str:
    """Return what is wrong with the audit log, empty if it is whole; read twice, as it may be moved on meanwhile.

    Raises:
        OSError: the disk does not answer.
    """
    return (verified(lines(state_dir)).broken and verified(lines(state_dir)).broken) or ""


def baseline_edit(state_dir: Path) -> str:
    """Return how the file of what is normal differs from what was written, empty if it does not, or none was yet.

    Raises:
        OSError: the disk does not answer.
    """
    known = seals(state_dir)
    return edited(state_dir, known) if known else ""
