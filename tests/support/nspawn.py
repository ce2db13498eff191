"""A Debian with a systemd of its own, in a container without network: made once, and thrown away after each use.

What is made once is kept in a folder of the repository that git ignores; each use writes into RAM above it.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

INSIDE = "systemd-sysv,dbus,python3,mosquitto"
"""Beside the smallest Debian: a system that boots, a Python, and the broker; there is no network later."""
PATIENCE_S = 60.0
REBOOT = 133
"""With this code systemd-nspawn ends when the machine wants to be started again."""
SIZE = "1500m"
"""Of what a machine may write: the installed package twice."""


def missing() -> str:
    """Return why there can be no machine here; nothing if there can."""
    if os.geteuid() != 0:
        return "it needs root"
    absent = [program for program in ("debootstrap", "systemd-nspawn", "dpkg-deb") if shutil.which(program) is None]
    return f"it needs {' and '.join(absent)}" if absent else ""


def debian(release: str, cache: Path) -> Path:
    """Return a folder with the smallest Debian that boots; fetched if it is not there yet."""
    folder = cache / release
    if not folder.exists():
        part = cache / f"{release}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        command = ("debootstrap", "--variant=minbase", f"--include={INSIDE}", release, str(part))
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        part.rename(folder)
    return folder


class Machine:
    """One running machine. `root` is its file system, seen from outside."""

    def __init__(self, base: Path, scratch: Path) -> None:
        self._scratch = scratch
        self.root = scratch / "root"
        self._unmount()  # what a run that was killed has left
        scratch.mkdir(parents=True, exist_ok=True)
        subprocess.run(("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(scratch)), check=True)
        for name in ("root", "upper", "work"):
            (scratch / name).mkdir()
        layers = f"lowerdir={base},upperdir={scratch}/upper,workdir={scratch}/work"
        subprocess.run(("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root)), check=True)
        for unit in ("mosquitto.service", "console-getty.service"):  # what starts is what the test started
            (self.root / "etc/systemd/system/multi-user.target.wants" / unit).unlink(missing_ok=True)
        self._log = (scratch / "console.log").open("wb")
        self._name = f"gridsentinel-{os.getpid()}"
        self._start()

    def _start(self) -> None:
        options = ("--private-network", "--register=no", "--keep-unit", "--console=pipe", "--boot")
        self._container = subprocess.Popen(
            ("systemd-nspawn", "--quiet", f"--directory={self.root}", f"--machine={self._name}", *options),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        until(self._is_up, "the machine to boot")

    def reboot(self) -> None:
        """Order a reboot from inside, and wait until it is up again."""
        self.run("systemctl reboot", check=False)
        code = self._container.wait(PATIENCE_S)
        assert code == REBOOT, f"the machine ended with code {code}"
        self._start()

    def _is_up(self) -> bool:
        said = self.run("systemctl is-system-running", check=False) if self._leader() else ""
        return said.strip() in ("running", "degraded")

    def run(self, command: str, *, check: bool = True, timeout_s: float = 180.0) -> str:
        """Run a shell command in it as root, and return what it said; with `check` it has to succeed."""
        leader = str(self._leader())
        words = ("nsenter", "-t", leader, "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "sh", "-c", command)
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, env=environment, cwd="/", timeout=timeout_s
        )
        if check and done.returncode:
            raise AssertionError(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def put(self, file: Path, name: str) -> None:
        """Copy a file into it."""
        target = self.root / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)

    def close(self) -> None:
        """Switch it off and forget what it wrote."""
        if self._container.poll() is None:
            with suppress(AssertionError, subprocess.TimeoutExpired):
                self.run("systemctl poweroff", check=False, timeout_s=10)
            try:
                self._container.wait(20)
            except subprocess.TimeoutExpired:
                self._container.kill()
                self._container.wait()
        self._log.close()
        self._unmount()
        self._scratch.rmdir()
        with suppress(OSError):
            Path("/run/systemd/nspawn/propagate", self._name).rmdir()

    def _unmount(self) -> None:
        for mount in (self.root, self._scratch):
            if mount.is_mount():
                subprocess.run(("umount", "--lazy", str(mount)), check=True)

    def _leader(self) -> int:
        """Return the first process of the machine as it is known outside; 0 while there is none."""
        if self._container.poll() is not None:
            raise AssertionError(f"the machine ended: {(self._scratch / 'console.log').read_text(errors='replace')}")
        children = Path(f"/proc/{self._container.pid}/task/{self._container.pid}/children")
        for child in children.read_text().split():
            with suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
        return 0


def until(reached: Callable[[], object], what: str, *, patience_s: float = PATIENCE_S) -> float:
    """Wait until it is true, and return how many seconds it took."""
    began = time.monotonic()
    while not reached():
        if time.monotonic() - began > patience_s:
            raise AssertionError(f"waited {patience_s:g} s for {what}")
        time.sleep(0.2)
    return time.monotonic() - began


def seen(words: str) -> None:
    """Tell what was seen, also when the test passes."""
    print(f"  seen: {words}", file=sys.__stderr__, flush=True)


def commands(page: str, section: str) -> Sequence[str]:
    """Return the commands of the blocks `sh` below a heading of a page; root needs no sudo."""
    body = page.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    blocks = body.split("```sh\n")[1:]
    lines = [line for block in blocks for line in block.split("```", 1)[0].splitlines()]
    return [line.removeprefix("sudo ") for line in lines if line]
