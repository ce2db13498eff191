"""Lays out the files of the package as they will be on the machine."""

import gzip
import shutil
from pathlib import Path

import manual
from releases import Release

VENV = Path("opt/gridsentinel/venv")
ROOT = Path(__file__).resolve().parent.parent
LAUNCHER = """\
#!/opt/gridsentinel/venv/bin/python3 -I
import sys

from gateway.cli import main

sys.exit(main())
"""


def site_packages(root: Path, release: Release) -> Path:
    """Return where the wheels go."""
    return root / VENV / f"lib/python{release.python}/site-packages"


def environment(root: Path, release: Release) -> None:
    """Make the virtual environment around the release's own Python: it has no pip, as nothing is installed later."""
    binaries = root / VENV / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python3").symlink_to(f"/usr/bin/python{release.python}")
    text = f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {release.python}\n"
    _write(root / VENV / "pyvenv.cfg", text)
    _write(binaries / "gridsentinel", LAUNCHER, mode=0o755)
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/gridsentinel").symlink_to("/opt/gridsentinel/venv/bin/gridsentinel")


def service(root: Path) -> None:
    """Put the unit, its user and directories, the drop-ins and the configurations in their places."""
    _copy("systemd/gridsentinel.service", root / "usr/lib/systemd/system/gridsentinel.service")
    _copy("systemd/gridsentinel.sysusers", root / "usr/lib/sysusers.d/gridsentinel.conf")
    _copy("systemd/gridsentinel.tmpfiles", root / "usr/lib/tmpfiles.d/gridsentinel.conf")
    _copy("systemd/drop-ins", root / "usr/share/gridsentinel/systemd/drop-ins")
    _copy("config", root / "usr/share/gridsentinel/config")
    _copy("packaging/debian/gateway.yaml", root / "etc/gridsentinel/gateway.yaml")


def documents(root: Path, version: str, bill: str) -> None:
    """Put the pages, the manual page, the completion, the licence and the bill of materials in their places."""
    folder = root / "usr/share/doc/gridsentinel"
    for page in sorted((ROOT / "docs").glob("*.md")):
        _copy(f"docs/{page.name}", folder / page.name)
    _copy("packaging/debian/copyright", folder / "copyright")
    _write(folder / "sbom.cdx.json", bill)
    _zipped(folder / "changelog.gz", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    _zipped(root / "usr/share/man/man1/gridsentinel.1.gz", manual.page(version))
    _write(root / "usr/share/bash-completion/completions/gridsentinel", manual.completion())


def settle(root: Path) -> None:
    """Give every file and folder the same rights wherever it was built: what may be run 755, the rest 644."""
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path == root / VENV / "bin/gridsentinel" else 0o644)


def _copy(name: str, target: Path) -> None:
    source = ROOT / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, target) if source.is_dir() else shutil.copyfile(source, target)


def _write(target: Path, text: str, *, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    target.chmod(mode)


def _zipped(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(text.encode(), mtime=0))
