"""One session on a secure channel: created, activated, asked, and closed so that the server need not remember it."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from protocols.driver import Clock, LinkLost
from protocols.opcua import encoding
from protocols.opcua.binary import Found, Reader, Violation
from protocols.opcua.channel import Channel
from protocols.opcua.chunks import Security, plain
from protocols.opcua.codec import Item, Refused, Service, items, readings
from protocols.opcua.config import PORTS, OpcuaDevice
from protocols.opcua.handshake import created, endpoints
from protocols.opcua.partner import Partner, partner
from protocols.url import host_and_port

TIMEOUT_MS: Final = 60_000
"""A session whose gateway has vanished is forgotten by the server after this, so that restarts do not fill it."""
NONCE_BYTES: Final = 32
"""Random bytes that prove possession of a key (OPC 10000-4 clause 5.6.2)."""
CLOSE_S: Final = 0.2
"""How long the server may take to close the session: a stop must not wait for a link that is broken."""
MOST_NODES: Final = 500
"""Nodes in one request, where the server does not ask for fewer: 30 KiB each way."""


class Session:
    """A session. `most_read` and `most_watched` are how many nodes one request may name."""

    def __init__(self, channel: Channel, device: OpcuaDevice, server: Partner) -> None:
        self.channel = channel
        self.most_read = self.most_watched = MOST_NODES
        self._device, self._server = device, server
        self._created = False

    @classmethod
    async def open(cls, device: OpcuaDevice, clock: Clock) -> "Session":
        """Connect to the server of `device`.

        Raises:
            OSError, LinkLost, TimeoutError, Refused, Violation: nobody answers, not in this protocol, or not to us.
        """
        server = partner(device)
        try:
            channel = await _channel(device, server.security, clock)
        except (LinkLost, Refused, Violation) as lost:
            if device.security_policy != "none":
                await _explain(device, server, clock, lost)
            raise
        session = cls(channel, device, server)
        try:
            await session._begin()
        except BaseException:
            channel.close()
            raise
        return session

    async def ask(self, service: Service, parameters: bytes) -> Reader:
        """Ask within the time that the device has for it; as `Channel.ask`."""
        return await self.channel.ask(service, parameters, self._device.timeout_s)

    async def read(self, requests: Sequence[bytes], timeout_s: float) -> list[Found]:
        """Read what `requests` name, which `read_requests` has made.

        Raises:
            TimeoutError: no answer in `timeout_s` to one of them.
            Refused, LinkLost: as `Channel.ask`.
        """
        found: list[Found] = []
        for request in requests:
            found.extend(readings(await self.channel.ask(Service.READ, request, timeout_s)))
        return found

    async def facts(self, nodes: Sequence[int]) -> list[tuple[str, ...] | int | None]:
        """Return what nodes of namespace 0 hold that are no readings."""
        reader = await self.ask(Service.READ, encoding.read([encoding.number_node(node) for node in nodes]))
        found = [reader.fact() for _ in range(reader.count())]
        return found + [None] * (len(nodes) - len(found))

    async def watch(self, subscription: int, wanted: Sequence[encoding.Watching]) -> list[Item]:
        """Let the server tell changes of what is `wanted`, and return what became of each."""
        parameters = encoding.create_monitored_items(subscription, wanted)
        return items(await self.ask(Service.CREATE_MONITORED_ITEMS, parameters))

    async def renew(self, timeout_s: float) -> None:
        """Renew the keys of the channel if it is time.

        Raises:
            LinkLost: the server does not.
        """
        if asyncio.get_running_loop().time() < self.channel.renew_at:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self.channel.agree(renew=True)
        except (TimeoutError, Refused) as error:
            raise LinkLost(f"the secure channel cannot be renewed: {error}") from None

    async def close(self) -> None:
        """End the session and what it subscribed, then the channel; may be called twice."""
        if self._created and self.channel.lost is None:
            self._created = False
            with suppress(TimeoutError, Refused, LinkLost, Violation):
                await self.channel.ask(Service.CLOSE_SESSION, b"\x01", CLOSE_S)
        self.channel.close()
        await asyncio.sleep(0)  # lets the transport close its socket

    async def _begin(self) -> None:
        device, server = self._device, self._server
        security, nonce = server.security, os.urandom(NONCE_BYTES)
        parameters = encoding.create_session(
            uri=server.uri, url=device.url, name=f"GridSentinel {device.name}", nonce=nonce,
            certificate=security.certificate, timeout_ms=TIMEOUT_MS, max_bytes=device.max_message_bytes,
        )  # fmt: skip
        made = created(await self.ask(Service.CREATE_SESSION, parameters))
        self.channel.token = made.token
        self._created = True
        server.prove(made, nonce)
        offered = [
            user
            for endpoint in made.endpoints
            if (endpoint.mode, endpoint.policy_uri) == (security.mode, security.uri)
            for user in endpoint.users
        ]
        algorithm, signature = server.signature(made.nonce)
        identity = server.identity(offered, made.nonce)
        parameters = encoding.activate_session(algorithm=algorithm, signature=signature, identity=identity)
        await self.ask(Service.ACTIVATE_SESSION, parameters)


def read_requests(nodes: Sequence[bytes], most: int) -> list[bytes]:
    """Return the parameters of requests that read the values of `nodes`, at most so many in each."""
    return [encoding.read(nodes[start : start + most]) for start in range(0, len(nodes), most)]


async def _channel(device: OpcuaDevice, security: Security, clock: Clock) -> Channel:
    return await Channel.open(
        (*host_and_port(device.url, PORTS), device.url),
        security=security, max_message_bytes=device.max_message_bytes, clock=clock,
    )  # fmt: skip


async def _explain(device: OpcuaDevice, server: Partner, clock: Clock, lost: Exception) -> None:
    """Ask, without security, which certificate the server shows: a new one, or ours that it does not trust.

    Raises:
        LinkLost: what was found out.
    """
    try:
        channel = await _channel(device, plain(), clock)
    except (OSError, LinkLost, Refused, Violation):
        return
    try:
        found = endpoints(
            await channel.ask(Service.GET_ENDPOINTS, encoding.get_endpoints(device.url), device.timeout_s)
        )
    except (Refused, LinkLost, TimeoutError, Violation):
        return
    finally:
        channel.close()
    fitting = [each for each in found if each.policy_uri == server.security.uri]
    if not fitting:
        names = sorted({each.policy_uri.rpartition("#")[2] for each in found})
        raise LinkLost(f"the server does not offer security_policy {device.security_policy}, but {', '.join(names)}")
    if why := server.differs(fitting[0].certificate):
        raise LinkLost(why)
    raise LinkLost(f"{lost}; its certificate is the one we know: does it trust ours?")
