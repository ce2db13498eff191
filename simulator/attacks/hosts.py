"""Computers on a hub, on one machine: network namespaces whose cables end in a bridge that floods like a hub.

    this namespace: hub0 (10.77.0.x) ── hub ──┬── cable ── host, a thread in a namespace of its own
                                              └── cable ── host

Whoever listens at `hub0` hears what any two say, as at a mirror port. A host is a thread with its own event loop: what
it opens is in its namespace, so that ordinary code makes another computer's connections. It takes the rights of root in
a network namespace of one's own: `unshare -rn`, which needs no root.
"""

import asyncio
import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

HUB: Final = "hub0"
MAC: Final = "02:00:00:77:00:01"
NEW_NAMESPACE: Final = 0x40000000
"""CLONE_NEWNET of unshare(2); os.unshare is there from Python 3.12 on."""
EVERY_PROTOCOL: Final = 0x0003
OUTGOING: Final = 4
FRAME_MAX: Final = 65_536
PREFIX: Final = 16
READY_S: Final = 10.0

T = TypeVar("T")


def possible() -> bool:
    """Return whether hosts can be made here: by root of a network namespace that has no interface yet."""
    return os.geteuid() == 0 and {name for _, name in socket.if_nameindex()} <= {"lo"}


class Hub:
    """The hub, with `addresses` of this namespace; the first is the one that we connect from."""

    mac: Final = bytes.fromhex(MAC.replace(":", ""))

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses
        self._hosts: list[Host] = []

    def __enter__(self) -> Self:
        silence()
        ip("link", "set", "lo", "up")
        ip("link", "add", HUB, "address", MAC, "type", "bridge", "ageing_time", "0")
        for each in self._addresses:
            ip("address", "add", f"{each}/{PREFIX}", "dev", HUB)
        ip("link", "set", HUB, "up")
        for each in self._addresses[1:]:
            local = ("table", "local", "proto", "kernel", "scope", "host", "src", self._addresses[0])
            ip("route", "replace", "local", each, "dev", HUB, *local)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in self._hosts:
            host.stop()
        ip("link", "delete", HUB)

    def host(self, name: str, address: str) -> "Host":
        """Plug a computer in."""
        host = Host(name)
        self._hosts.append(host)
        ip("link", "add", f"{name}-hub", "type", "veth", "peer", "name", name)
        ip("link", "set", f"{name}-hub", "master", HUB, "up")
        ip("link", "set", name, "netns", str(host.thread_id))
        host.call(host.plug_in, address)
        return host


class Host:
    """One computer: a thread in a network namespace of its own. `interface` is the name of its cable."""

    def __init__(self, interface: str) -> None:
        self.interface = interface
        self.address = ""
        self.mac = bytes(6)
        self.thread_id = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._live, name=f"host:{interface}", daemon=True)
        self._thread.start()
        if not self._ready.wait(READY_S) or not self.thread_id:
            raise OSError(f"no network namespace for {interface}")

    def begin(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Let this computer do something."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Let this computer do something, and wait for it; to cancel this cancels it there."""
        return await asyncio.wrap_future(self.begin(work))

    def call(self, what: Callable[..., T], *told: object) -> T:
        """Let this computer do something that is quickly done, and wait for it."""

        async def called() -> T:
            return what(*told)

        return self.begin(called()).result(READY_S)

    def plug_in(self, address: str) -> None:
        """Begin as another computer, of another address."""
        number = bytes(int(part) for part in address.split("."))
        self.address, self.mac = address, b"\x02\x01" + number
        ip("address", "flush", "dev", self.interface)
        ip("link", "set", self.interface, "down")
        ip("link", "set", self.interface, "address", self.mac.hex(":"), "up")
        ip("address", "add", f"{address}/{PREFIX}", "dev", self.interface)

    def stop(self) -> None:
        """Unplug it."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(READY_S)

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        if ctypes.CDLL(None, use_errno=True).unshare(NEW_NAMESPACE) == 0:
            silence()
            ip("link", "set", "lo", "up")
            self.thread_id = threading.get_native_id()
        self._ready.set()
        if self.thread_id:
            self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


class Cable:
    """The raw end of a host's cable; made and used in its thread. Hears everything that passes the hub."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY_PROTOCOL))
        self._socket.bind((host.interface, EVERY_PROTOCOL))
        self._socket.setblocking(False)

    @property
    def mac(self) -> bytes:
        """Its hardware address."""
        return self._host.mac

    def send(self, frame: bytes) -> None:
        """Put a frame on the wire; where there is no room for it, it is lost."""
        try:
            self._socket.send(frame)
        except BlockingIOError:
            return

    async def hear(self) -> bytes:
        """Return the next frame that somebody else has sent."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                frame, (*_, kind, _, _) = self._socket.recvfrom(FRAME_MAX)
            except BlockingIOError:
                ready: asyncio.Future[None] = loop.create_future()
                loop.add_reader(self._socket, _wake, ready)
                try:
                    await ready
                finally:
                    loop.remove_reader(self._socket)
                continue
            if kind != OUTGOING:
                return frame

    def close(self) -> None:
        """Unplug it."""
        self._socket.close()


def _wake(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


def ip(*words: str) -> None:
    """Run `ip` in the namespace of this thread.

    Raises:
        OSError: it refused.
    """
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)  # noqa: S603, S607 - our words
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def silence() -> None:
    """Let the kernel say nothing by itself in this namespace: no IPv6."""
    for each in ("all", "default"):
        switch = Path(f"/proc/sys/net/ipv6/conf/{each}/disable_ipv6")
        if switch.exists():
            switch.write_text("1")
