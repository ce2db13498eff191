"""Builds the Debian package of each release, from the repository and the pinned wheels.

The same source gives the same bytes. No root and no other Debian is needed: wheels are fetched for the release's
Python, and nothing of it is run.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from string import Template

import bom
import tree
import wheels
from releases import MACHINES, RELEASES, Release

from gateway import __version__
from gateway.store.schema import VERSION as STORE_VERSION

SCRIPTS = ("preinst", "postinst", "prerm", "postrm")
EPOCH = 1_767_225_600
"""2026-01-01: the time of all files where neither SOURCE_DATE_EPOCH nor git tells one."""


def main() -> None:
    """Build what the arguments name, all releases when they name none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", choices=RELEASES, action="append", help="only this one (may be repeated)")
    parser.add_argument("--architecture", choices=MACHINES, default="amd64")
    parser.add_argument("--suffix", default="", help="added to the version, such as +site1")
    parser.add_argument("--output", type=Path, default=tree.ROOT / "dist")
    given = parser.parse_args()
    os.environ.setdefault("SOURCE_DATE_EPOCH", str(_epoch()))
    os.umask(0o022)
    for name in given.release or RELEASES:
        made = build(RELEASES[name], given.architecture, suffix=given.suffix, output=given.output)
        digest = hashlib.sha256(made.read_bytes()).hexdigest()
        print(f"{digest}  {made} ({made.stat().st_size / 1e6:.1f} MB)")


def build(release: Release, architecture: str, *, suffix: str, output: Path) -> Path:
    """Build one package into `output`, and return its file."""
    version = f"{__version__}{suffix}+deb{release.number}"
    fetched = tree.ROOT / "build/wheels" / f"{release.name}-{architecture}"
    wheels.fetch(tree.ROOT / "requirements/run.txt", fetched, release, architecture)
    with tempfile.TemporaryDirectory() as scratch:
        root, mine = Path(scratch, "root"), Path(scratch, "wheel")
        wheels.own(tree.ROOT, mine)
        tree.environment(root, release)
        packages = tree.site_packages(root, release)
        for folder in (fetched, mine):
            wheels.unpack(folder, packages)
        wheels.lighten(packages)
        hashes = {
            bom.plain(wheel.name.split("-")[0]): hashlib.sha256(wheel.read_bytes()).hexdigest()
            for wheel in fetched.glob("*.whl")
        }
        bill = bom.document(packages, name="gridsentinel", version=version, hashes=hashes)
        tree.service(root)
        tree.documents(root, version, bill)
        tree.settle(root)
        _control(root, release, architecture, version)
        return _packed(root, output, f"gridsentinel_{version}_{architecture}.deb")


def _control(root: Path, release: Release, architecture: str, version: str) -> None:
    """Write what dpkg reads: who the package is, its scripts, its configuration files, the sums of all files."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    size = sum(path.stat().st_size for path in files)
    words = {
        "version": version,
        "architecture": architecture,
        "python": release.python,
        "size": str(-(-size // 1024)),
        "store": str(STORE_VERSION),
    }
    folder = root / "DEBIAN"
    folder.mkdir()
    for name in ("control", *SCRIPTS):
        text = (tree.ROOT / "packaging/debian" / name).read_text(encoding="utf-8")
        (folder / name).write_text(_At(text).substitute(words), encoding="utf-8")
        (folder / name).chmod(0o755 if name in SCRIPTS else 0o644)
    (folder / "conffiles").write_text("/etc/gridsentinel/gateway.yaml\n", encoding="utf-8")
    sums = [
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(root)}"
        for path in files
        if path.relative_to(root).parts[0] != "etc"
    ]
    (folder / "md5sums").write_text("\n".join(sums) + "\n", encoding="utf-8")


class _At(Template):
    """Takes @word@ to be replaced, as shell scripts are full of dollar signs."""

    pattern = r"@(?:(?P<named>[a-z]+)@|(?P<escaped>@)|(?P<braced>(?!))|(?P<invalid>(?!)))"


def _packed(root: Path, output: Path, name: str) -> Path:
    output.mkdir(parents=True, exist_ok=True)
    # one thread: how many there are changes the bytes
    subprocess.run(
        (
            "dpkg-deb",
            "--root-owner-group",
            "--threads-max=1",
            "-Zzstd",
            "-z9",
            "--build",
            str(root),
            str(output / name),
        ),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return output / name


def _epoch() -> int:
    """Return when the source was last changed."""
    if shutil.which("git") and (tree.ROOT / ".git").exists():
        asked = ("git", "-C", str(tree.ROOT), "log", "-1", "--format=%ct")
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return int(done.stdout)
    return EPOCH


if __name__ == "__main__":
    main()
