"""A Debian with a systemd of its own, in a container without network, thrown away after its use.

It writes into RAM above a root that others use. Whoever makes one has mounts of his own (tests/acceptance/run.sh), so
that none of them outlives him.
"""

import os
import select
import shutil
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from follow import PATIENCE_S, Follow

REBOOT: Final = 133
"""With this code systemd-nspawn ends when the machine wants to be started again."""
SIZE: Final = "3g"
"""Of what a machine may write: the installed package twice, and pip's environment."""
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Of whoever logs in there as root."""
ENVIRONMENT: Final = {"PATH": PATH, "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
OPTIONS: Final = ("--private-network", "--register=no", "--keep-unit", "--console=pipe", "--notify-ready=yes", "--boot")
PROPAGATE: Final = Path("/run/systemd/nspawn")
"""Where systemd-nspawn keeps folders and locks that it never removes."""
CGROUPS: Final = ("payload", "supervisor")
"""What systemd-nspawn makes in the cgroup that it is started in, and leaves there."""
NEEDS: Final = "it takes root with all capabilities, and a kernel with overlayfs and cgroups of version 2"


class NoMachineError(Exception):
    """This computer does not let a machine be made, or it did not boot; the message has what was said."""


class Machine:
    """One running machine. `root` is its file system, seen from outside."""

    def __init__(self, base: Path, scratch: Path) -> None:
        self._scratch = scratch
        self.root = scratch / "root"
        self._name = f"gridsentinel-{os.getpid()}"
        self._following: list[Follow] = []
        for folder, size in ((scratch, SIZE), (PROPAGATE, "1m")):
            folder.mkdir(parents=True, exist_ok=True)
            _mount("tmpfs", f"size={size}", folder)
        for name in ("root", "upper", "work"):
            (scratch / name).mkdir()
        _mount("overlay", f"lowerdir={base},upperdir={scratch}/upper,workdir={scratch}/work", self.root)
        self._log = (scratch / "console.log").open("wb")
        self._start()

    def _start(self) -> None:
        """Start it, and wait until its systemd says that all is up."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.bind(f"\0{self._name}")
            self._container = subprocess.Popen(
                ("systemd-nspawn", "--quiet", f"--directory={self.root}", f"--machine={self._name}", *OPTIONS),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                # the new hierarchy alone, as a Debian of today has it, whatever the computer has
                env={**os.environ, "NOTIFY_SOCKET": f"@{self._name}", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            )
            ended = os.pidfd_open(self._container.pid)
            words: list[str] = []
            while "READY=1" not in words:
                ready, _, _ = select.select((told, ended), (), (), PATIENCE_S)
                if told not in ready:
                    raise NoMachineError(f"the machine did not boot ({NEEDS}):\n{self._console()}")
                words += told.recv(4096).decode().splitlines()
            os.close(ended)
        (self._leader,) = (word.split("=")[1] for word in words if word.startswith("X_NSPAWN_LEADER_PID="))

    def reboot(self) -> None:
        """Order a reboot from inside, and wait until it is up again."""
        self._forget()
        self.run("systemctl reboot", check=False)
        code = self._container.wait(PATIENCE_S)
        assert code == REBOOT, f"the machine ended with code {code}: {self._console()}"
        self._start()

    def run(self, command: str, *, check: bool = True, timeout_s: float = 600.0) -> str:
        """Run a shell command in it as root, and return what it said; with `check` it has to succeed."""
        done = subprocess.run(
            self._inside(command),
            capture_output=True,
            text=True,
            check=False,
            env=ENVIRONMENT,
            cwd="/",
            timeout=timeout_s,
        )
        if check and done.returncode:
            raise AssertionError(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def follow(self, command: str) -> Follow:
        """Start a program in it that goes on until the machine ends, and that ends at once with what is returned."""
        self._following.append(Follow(self._inside(f"exec setpriv --pdeathsig KILL {command}"), ENVIRONMENT))
        return self._following[-1]

    def _inside(self, command: str) -> Sequence[str]:
        return ("nsenter", "-t", self._leader, "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "sh", "-c", command)

    def put(self, file: Path, name: str) -> None:
        """Copy a file into it."""
        target = self.root / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)

    def close(self) -> None:
        """Switch it off and forget what it wrote."""
        self._forget()
        if self._container.poll() is None:
            with suppress(AssertionError, subprocess.TimeoutExpired):
                self.run("systemctl poweroff", check=False, timeout_s=10)
            try:
                self._container.wait(20)
            except subprocess.TimeoutExpired:
                self._container.kill()
                self._container.wait()
        self._log.close()
        for mount in (self.root, self._scratch, PROPAGATE):
            subprocess.run(("umount", "--lazy", str(mount)), check=True)
        self._scratch.rmdir()
        sweep()

    def _forget(self) -> None:
        while self._following:
            self._following.pop().close()

    def _console(self) -> str:
        return (self._scratch / "console.log").read_text(errors="replace")


def _mount(kind: str, options: str, folder: Path) -> None:
    command = ("mount", "-t", kind, "-o", options, kind, str(folder))
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise NoMachineError(f"{done.stderr.strip()} ({NEEDS})")


def sweep() -> None:
    """Remove the empty cgroups that a machine has left; such a one as is in use stays."""
    hierarchies = Path("/proc/self/cgroup").read_text().splitlines()
    own = next((line[3:] for line in hierarchies if line.startswith("0::")), "")
    mounts = [line.split(" - ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for before, after in mounts:
        if after.startswith("cgroup2 "):
            for name in CGROUPS:
                top = Path(before.split()[4], own.lstrip("/"), name)
                for folder in (*sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True), top):
                    with suppress(OSError):
                        folder.rmdir()


def commands(page: str, section: str) -> Sequence[str]:
    """Return the commands of the blocks `sh` below a heading of a page; root needs no sudo."""
    body = page.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    blocks = body.split("```sh\n")[1:]
    lines = [line for block in blocks for line in block.split("```", 1)[0].splitlines()]
    return [line.removeprefix("sudo ") for line in lines if line]
