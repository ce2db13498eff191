"""One machine for the whole story, and the packages that it installs: this version and the one after it."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from nspawn import Machine, debian, missing, seen

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".acceptance"


def build(output: Path, *words: str) -> Path:
    """Build the package for Debian 12 and return its file."""
    command = (sys.executable, str(ROOT / "packaging/build.py"), "--release", "bookworm", "--output", str(output))
    subprocess.run((*command, *words), check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    (made,) = output.glob("*.deb")
    return made


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Return the package, the same built once more, and a newer one."""
    began = time.monotonic()
    folders = {name: tmp_path_factory.mktemp(name) for name in ("this", "again", "next")}
    made = {name: build(folder, *(("--suffix", "+next") if name == "next" else ())) for name, folder in folders.items()}
    seen(f"three packages built in {time.monotonic() - began:.0f} s, {made['this'].stat().st_size / 1e6:.1f} MB each")
    return made


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """Return a Debian 12 that has just booted."""
    if why := missing():
        pytest.skip(why)
    began = time.monotonic()
    base = debian("bookworm", CACHE)
    fetched = time.monotonic() - began
    running = Machine(base, CACHE / "machine")
    seen(f"Debian 12 there after {fetched:.0f} s, booted after {time.monotonic() - began:.0f} s")
    try:
        yield running
    finally:
        running.close()


@pytest.fixture(scope="session")
def page() -> str:
    """Return the page whose commands are run."""
    return (ROOT / "docs/install.md").read_text()


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Say what these are."""
    for item in items:
        item.add_marker(pytest.mark.acceptance)
