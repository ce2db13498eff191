"""A client that says over HTTP just what a test wants it to say, and hears just what was answered."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

PATIENCE_S = 60.0
"""Nothing here takes so long, unless it is broken or the machine is busy."""


class Told(NamedTuple):
    """One answer; status 0 where the other side hung up."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


HUNG_UP = Told(0, {}, b"")


def request(method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """Return a request as bytes; `headers` overrule those that any client sends."""
    told = {"Host": "127.0.0.1", **({"Content-Length": str(len(body))} if body else {}), **(headers or {})}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def heard(reader: asyncio.StreamReader, *, bodiless: bool = False) -> Told:
    """Read one answer."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split()[1])
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        length = 0 if bodiless or status in (204, 304) else int(headers.get("content-length", 0))
        return Told(status, headers, await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return HUNG_UP


async def said(port: int, data: bytes, *, bodiless: bool = False) -> Told:
    """Send these bytes on a connection of their own and return the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        async with asyncio.timeout(PATIENCE_S):
            return await heard(reader, bodiless=bodiless)
    finally:
        writer.transport.abort()


async def asked(
    port: int, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: Any = None
) -> Told:
    """Ask for a path, with a body of JSON if there is one."""
    data = b"" if body is None else json.dumps(body).encode()
    return await said(port, request(method, path, headers, data), bodiless=method == "HEAD")
