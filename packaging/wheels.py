"""Fetches the wheels of one release, each checked by its hash, and lays them out; no code of theirs runs."""

import csv
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.markers import Marker, default_environment
from releases import MACHINES, Release, platforms

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
UNUSED = (
    "**/*.pyi",
    "numpy/**/tests",
    "numpy/f2py",
    "ai_edge_litert/aot",
    "ai_edge_litert/libLiteRtWebGpuAccelerator.so",  # no graphics card in a substation
    "ai_edge_litert/tools",  # converters of models
    "ai_edge_litert/vendors",  # accelerators of telephones
)
"""What of the wheels is left out: 41 of 153 MB on Debian 12. The tests of the detector `tflite` pass without it."""
ENTRY = re.compile(r"^(?P<pin>\S+)(?: ; (?P<marker>[^\\]+?))?(?P<hashes>(?: \\\n    --hash=\S+)*)$", re.MULTILINE)


def environment(release: Release, architecture: str) -> Mapping[str, str]:
    """Return what the markers of requirements are judged by: the release's Python, and not the one that runs here."""
    target = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": MACHINES[architecture],
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{release.python}.0",
        "python_version": release.python,
        "sys_platform": "linux",
    }
    return {**{key: str(value) for key, value in default_environment().items()}, **target}


def applicable(text: str, target: Mapping[str, str]) -> Iterator[str]:
    """Yield the entries of a requirements file that apply to `target`, their hashes with them, without the markers."""
    for entry in ENTRY.finditer(text):
        marker = entry["marker"]
        if marker is None or Marker(marker).evaluate(dict(target)):
            yield f"{entry['pin']}{entry['hashes']}"


def fetch(requirements: Path, folder: Path, release: Release, architecture: str) -> None:
    """Make `folder` hold what `requirements` pins, and nothing else: wheels only, with the right hash only."""
    wanted = "\n".join(applicable(requirements.read_text(encoding="utf-8"), environment(release, architecture))) + "\n"
    chosen = folder / "fetched.txt"
    if chosen.exists() and chosen.read_text(encoding="utf-8") == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    asked = folder / "requirements.txt"
    asked.write_text(wanted, encoding="utf-8")
    tags = [f"--platform={tag}" for tag in platforms(release, architecture)]
    abis = [f"--abi={abi}" for abi in (f"cp{release.python.replace('.', '')}", "abi3", "none")]
    which = ["--only-binary=:all:", f"--python-version={release.python}", "--implementation=cp", *abis, *tags]
    _pip("download", "--no-deps", "--require-hashes", *which, f"--dest={folder}", f"--requirement={asked}")
    asked.rename(chosen)


def own(source: Path, folder: Path) -> None:
    """Build the wheel of the repository itself into `folder`."""
    _pip("wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={folder}", str(source))


def unpack(folder: Path, target: Path) -> None:
    """Lay every wheel of `folder` out in `target`: its modules and its metadata, neither scripts nor data files."""
    for wheel in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(wheel) as opened:
            for name in opened.namelist():
                if not name.endswith("/") and not name.split("/")[0].endswith(".data"):
                    opened.extract(name, target)


def lighten(target: Path) -> None:
    """Remove what the service never loads, and from each RECORD the files that are not there."""
    for pattern in UNUSED:
        for path in sorted(target.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for record in target.glob("*.dist-info/RECORD"):
        lines = record.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if (target / next(csv.reader([line]))[0]).exists()]
        record.write_text("\n".join(kept) + "\n", encoding="utf-8")


def _pip(*words: str) -> None:
    subprocess.run((*PIP, *words), check=True)
