"""One machine for the whole story, the packages that it installs, and a table of what was seen in the end."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import microvm
import pytest
from debian import debian
from follow import Follow
from installed import WRITABLE, Installed
from nspawn import Machine, sweep
from seen import SEEN, seen

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".acceptance"
MEMORY = """
unit() { systemctl show gridsentinel --value --property="$1"; }
logged() { journalctl -u gridsentinel -f -n all -o cat | grep --max-count 1 --line-buffered "$1"; }
echo "writable $(WRITABLE | tr '\\n' ' ')"
echo "limit $(unit MemoryMax) uses $(unit MemoryCurrent) pid $(unit MainPID)"
systemctl set-property --runtime gridsentinel MemoryMax=24M
logged oom-kill
systemctl set-property --runtime gridsentinel MemoryMax=256M
until [ "$(unit ActiveState)" = active ]; do sleep 1; done
echo "back uses $(unit MemoryCurrent) pid $(unit MainPID) restarts $(unit NRestarts)"
echo over
""".replace("WRITABLE", WRITABLE)
MADE = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist")
"""No source."""
RELEASE = os.environ.get("RELEASE", "bookworm")


class Packages:
    """This version, the same built once more while the first is tried, and the first under the name of a later one.

    All are made from a copy of the source, so that whoever works on it meanwhile does not change them. It begins at
    once, and whoever asks for one waits until it is built.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.wheels = ROOT / f"build/wheels/{RELEASE}-amd64"
        self.source = folder / "source"
        shutil.copytree(ROOT, self.source, ignore=MADE)
        (ROOT / "build").mkdir(exist_ok=True)
        (self.source / "build").symlink_to(ROOT / "build")  # the wheels are fetched once for all runs
        self._environment = {**os.environ, "PYTHONPATH": str(self.source)}
        self._builds = [self._start("this")]

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        build = (sys.executable, "packaging/build.py", "--release", RELEASE, "--output", self._folder / name)
        return subprocess.Popen(("nice", *build), stdout=subprocess.DEVNULL, cwd=self.source, env=self._environment)

    def _made(self, build: subprocess.Popen[bytes]) -> Path:
        assert build.wait() == 0
        (made,) = Path(str(build.args[-1])).glob("*.deb")
        return made

    @cached_property
    def this(self) -> Path:
        """Return this version; it is built once more from then on, as the wheels are there."""
        made = self._made(self._builds[0])
        self._builds.append(self._start("again"))
        return made

    @property
    def again(self) -> Path:
        """Return the same, built once more."""
        return self._made(self._builds[1])

    @cached_property
    def later(self) -> Path:
        """Return what apt takes for a later version; nothing is packed, as that takes the time."""
        root, made = self._folder / "later", self._folder / f"later_{self.this.name}"
        subprocess.run(("dpkg-deb", "--raw-extract", self.this, root), check=True)
        control = root / "DEBIAN/control"
        control.write_text(re.sub("^(Version: .*)$", r"\1+later", control.read_text(), flags=re.MULTILINE))
        subprocess.run(("dpkg-deb", "-Znone", "--build", root, made), check=True, stdout=subprocess.DEVNULL)
        return made

    def close(self) -> None:
        """End what is still being built."""
        for build in self._builds:
            build.kill()
            build.wait()


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Packages]:
    """Return the packages."""
    CACHE.mkdir(exist_ok=True)  # what is temporary lies in it, too
    made = Packages(tmp_path_factory.mktemp("packages"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def machine(packages: Packages) -> Iterator[Machine]:
    """Return a Debian that has just booted; the packages are built while it is fetched."""
    sweep()  # what a run that was killed has left
    began = time.monotonic()
    base = debian(RELEASE, CACHE)
    fetched = time.monotonic()
    running = Machine(base, CACHE / "machine")
    seen(f"Debian there after {fetched - began:.0f} s, booted in {time.monotonic() - fetched:.1f} s")
    try:
        yield running
    finally:
        running.close()


@pytest.fixture(scope="session")
def gateway(machine: Machine) -> Installed:
    """Return the gateway in it, which the first test installs."""
    return Installed(machine)


@pytest.fixture(scope="session")
def memory(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Follow]:
    """Boot the machine as it is now with a kernel of its own, and take its memory away; it takes its time for that."""
    booted = microvm.start(machine.root, tmp_path_factory.mktemp("memory"), MEMORY)
    yield booted
    booted.close()


@pytest.fixture(scope="session")
def page() -> str:
    """Return the page whose commands are run."""
    return (ROOT / "docs/install.md").read_text()


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Say what these are."""
    for item in items:
        item.add_marker(pytest.mark.acceptance)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table: each check, how it went, how long it took, and what was seen."""
    terminalreporter.section(f"acceptance on Debian {RELEASE}")
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            test = report.nodeid.rpartition("::")[2]
            name = test.removeprefix("test_").replace("_", " ")
            first, *others = SEEN.get(test, ["-"])
            terminalreporter.write_line(f"{outcome:6} {report.duration:5.1f} s  {name:58} {first}")
            for words in others:
                terminalreporter.write_line(f"{'':74} {words}")
