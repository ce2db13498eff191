"""One session: created, activated, asked, taken up on another channel when its own broke, and closed in the end."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Final

from protocols.driver import Clock, LinkLost
from protocols.opcua import encoding
from protocols.opcua.binary import Found, Reader, Violation
from protocols.opcua.channel import Channel
from protocols.opcua.chunks import Security, plain
from protocols.opcua.codec import Item, Refused, Service, items, readings
from protocols.opcua.config import PORTS, OpcuaDevice
from protocols.opcua.handshake import Created, UserPolicy, activated, created, endpoints
from protocols.opcua.partner import Partner, partner
from protocols.url import host_and_port

NONCE_BYTES: Final = 32
"""Random bytes that prove possession of a key (OPC 10000-4 clause 5.6.2)."""
CLOSE_S: Final = 0.2
"""How long the server may take to close the session: a stop must not wait for a link that is broken."""
MOST_NAME: Final = 64
"""Characters of the name of a policy."""
MOST_NODES: Final = 500
"""Nodes in one request, where the server does not ask for fewer: 30 KiB each way."""


class Session:
    """A session. `most_read` and `most_watched` are how many nodes one request may name.

    `timeout_s` is how long the server remembers it while nobody speaks to it.
    """

    def __init__(self, channel: Channel, device: OpcuaDevice, server: Partner) -> None:
        self.channel = channel
        self.most_read = self.most_watched = MOST_NODES
        self.timeout_s = 0.0
        self._device, self._server = device, server
        self._created = False
        self._nonce = b""
        self._offered: list[UserPolicy] = []
        self.security: dict[str, str] = {}
        """How safe it is: certificate (SHA-256 of the server's), policy, mode, user, and the ways that are offered."""

    @classmethod
    async def open(cls, device: OpcuaDevice, clock: Clock) -> "Session":
        """Connect to the server of `device`.

        Raises:
            OSError, LinkLost, TimeoutError, Refused, Violation: nobody answers, not in this protocol, or not to us.
        """
        server = partner(device)
        session = cls(await _opened(device, server, clock), device, server)
        try:
            await session._begin()
        except BaseException:
            session.channel.close()
            raise
        return session

    async def reopen(self, clock: Clock) -> None:
        """Open a new channel, because the one of the session broke; `activate` binds the session to it.

        Raises:
            OSError, LinkLost, TimeoutError, Violation: nobody answers, or not in this protocol.
        """
        token, server = self.channel.token, partner(self._device)
        try:
            channel = await _opened(self._device, server, clock)
        except Refused as refused:
            raise LinkLost(str(refused)) from None
        channel.token = token
        self.channel, self._server = channel, server

    async def activate(self) -> None:
        """Show who we are, over the nonce that the server gave last (OPC 10000-4 clause 5.6.3).

        Raises:
            Refused: the server has forgotten the session, or does not give it to us.
            LinkLost, TimeoutError, Violation: as `ask`.
        """
        algorithm, signature = self._server.signature(self._nonce)
        identity = self._server.identity(self._offered, self._nonce)
        parameters = encoding.activate_session(algorithm=algorithm, signature=signature, identity=identity)
        self._nonce = activated(await self.ask(Service.ACTIVATE_SESSION, parameters))

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
            certificate=security.certificate, timeout_ms=device.outage_s * 1000, max_bytes=device.max_message_bytes,
        )  # fmt: skip
        made = created(await self.ask(Service.CREATE_SESSION, parameters))
        self.channel.token = made.token
        self._created, self.timeout_s, self._nonce = True, made.timeout_s, made.nonce
        server.prove(made, nonce)
        self.security = _security(device, security, made)
        self._offered = [
            user
            for endpoint in made.endpoints
            if (endpoint.mode, endpoint.policy_uri) == (security.mode, security.uri)
            for user in endpoint.users
        ]
        await self.activate()


def _security(device: OpcuaDevice, security: Security, made: Created) -> dict[str, str]:
    """Return what the checks must know of a session, so that a weaker one shows."""
    offered = sorted({f"{_short(each.policy_uri)}/{each.mode}" for each in made.endpoints})
    return {
        "certificate": sha256(made.certificate).hexdigest() if made.certificate else "none",
        "policy": _short(security.uri),
        "mode": str(security.mode),
        "user": device.username or "anonymous",
        "offered": " ".join(offered),
    }


def _short(policy_uri: str) -> str:
    return policy_uri.rpartition("#")[2][:MOST_NAME]


def read_requests(nodes: Sequence[bytes], most: int) -> list[bytes]:
    """Return the parameters of requests that read the values of `nodes`, at most so many in each."""
    return [encoding.read(nodes[start : start + most]) for start in range(0, len(nodes), most)]


async def _opened(device: OpcuaDevice, server: Partner, clock: Clock) -> Channel:
    try:
        return await _channel(device, server.security, clock)
    except (LinkLost, Refused, Violation) as lost:
        if device.security_policy != "none":
            await _explain(device, server, clock, lost)
        raise


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
    if impostor := server.differs(fitting[0].certificate):
        raise impostor
    raise LinkLost(f"{lost}; its certificate is the one we know: does it trust ours?")
