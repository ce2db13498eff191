"""The embedded broker of the demonstration, on a free port of the loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from amqtt.broker import Broker

HOST = "127.0.0.1"


@asynccontextmanager
async def embedded() -> AsyncIterator[tuple[str, int]]:
    """Serve while the context lasts; yield host and port."""
    anonymous = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    broker = Broker({"listeners": {"default": {"type": "tcp", "bind": f"{HOST}:0"}}, "plugins": anonymous})
    await broker.start()
    try:
        listening = broker._servers["default"].instance  # noqa: SLF001 - amqtt has no other way to tell its port
        yield HOST, listening.sockets[0].getsockname()[1]
    finally:
        await broker.shutdown()
