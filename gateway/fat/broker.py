"""A broker for the time of the test: Mosquitto where there is one, otherwise the one of the demonstration."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

PLACES = "/usr/sbin:/usr/local/sbin"
"""Where Debian has it, which is on nobody's path but root's."""
START_S = 20.0
TAIL = 500
"""Characters of its log that are shown when it does not start."""
HOST = "127.0.0.1"
NONE = "there is no broker: apt install mosquitto, or pip install 'gridsentinel[demo]'"


class NoBroker(Exception):
    """There is none, or it does not start; says why."""


@asynccontextmanager
async def broker(folder: Path) -> AsyncIterator[tuple[int, str]]:
    """Serve on a free port of the loopback while the context lasts; yield the port and what it is.

    Raises:
        NoBroker: there is none, or it does not start.
    """
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path=PLACES)
    if program is not None:
        async with _mosquitto(program, folder) as port:
            yield port, "Mosquitto"
    elif find_spec("amqtt") is not None:
        from gateway.demo.broker import embedded  # noqa: PLC0415 - extras are imported when they are used

        async with embedded() as (_, port):
            yield port, "amqtt"
    else:
        raise NoBroker(NONE)


@asynccontextmanager
async def _mosquitto(program: str, folder: Path) -> AsyncIterator[int]:
    port, config, log = _free_port(), folder / "mosquitto.conf", folder / "mosquitto.log"
    root = [] if os.geteuid() else ["user root"]
    lines = [f"listener {port} {HOST}", "allow_anonymous true", "max_queued_messages 0", *root]
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(program, "-c", str(config), stdout=said, stderr=said)
    try:
        await _listens(port, process, log)
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _listens(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + START_S
    while loop.time() < until and process.returncode is None:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
    raise NoBroker(f"Mosquitto does not listen: {_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace").strip()[-TAIL:]


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return int(sock.getsockname()[1])
