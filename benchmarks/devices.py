"""Modbus devices to measure against, in a process of their own: libmodbus in C, or plain Python where it is missing."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE, PROGRAM = HERE / "modbus_server.c", HERE.parent / ".peers" / "modbus_server"
LIBMODBUS, PLAIN = "libmodbus (C)", "plain asyncio (Python: no gcc, or no libmodbus-dev)"


class Devices:
    """Running devices: `ports` in order; `peer` says what answers."""

    def __init__(self, process: subprocess.Popen[str], peer: str) -> None:
        self._process = process
        self.peer = peer
        word, *ports = self._line().split() or [""]
        if word != "READY":
            raise RuntimeError(f"the Modbus server says '{word}', not READY")
        self.ports = [int(port) for port in ports]

    def set(self, port: int, address: int, value: int) -> int:
        """Let a register hold `value`; return when it began to, in nanoseconds of CLOCK_MONOTONIC."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"set {port} {address} {value}\n")
        self._process.stdin.flush()
        return int(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def serve(count: int) -> Iterator[Devices]:
    """Run `count` devices on free ports of the loopback."""
    command, peer = ([str(PROGRAM)], LIBMODBUS) if _built() else ([sys.executable, HERE / "modbus_server.py"], PLAIN)
    with subprocess.Popen([*command, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Devices(process, peer)
        finally:
            process.kill()


def _built() -> bool:
    """Compile the server when its source is newer; return whether there is one."""
    if PROGRAM.is_file() and PROGRAM.stat().st_mtime > SOURCE.stat().st_mtime:
        return True
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return False
    PROGRAM.parent.mkdir(exist_ok=True)
    include = ["-I/usr/include/modbus", "-I/usr/local/include/modbus"]
    command = [compiler, "-O2", "-Wall", "-Wextra", *include, "-o", str(PROGRAM), str(SOURCE), "-lmodbus"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
