"""One session on a secure channel: created, activated, asked, and closed so that the server need not remember it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from asyncua import ua
from asyncua.common.utils import Buffer, create_nonce
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.ua_binary import nodeid_to_binary, struct_from_binary, struct_to_binary
from cryptography.exceptions import InvalidSignature

from protocols.driver import Clock, LinkLost
from protocols.opcua.binary import Found, Reader, Violation
from protocols.opcua.channel import ILLEGAL, Channel
from protocols.opcua.codec import Item, Refused, Service, items, readings
from protocols.opcua.config import PORT, OpcuaDevice
from protocols.opcua.security import (
    POLICIES,
    application_uri,
    fingerprint,
    policy_of,
    server_certificate,
    user_token,
)

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

    def __init__(self, channel: Channel, device: OpcuaDevice) -> None:
        self.channel = channel
        self.most_read = self.most_watched = MOST_NODES
        self._device = device
        self._created = False

    @classmethod
    async def open(cls, device: OpcuaDevice, clock: Clock) -> "Session":
        """Connect to the server of `device`.

        Raises:
            OSError, LinkLost: nobody answers, not in this protocol, or not to us.
        """
        try:
            channel = await _channel(device, policy_of(device), clock)
        except (LinkLost, Refused, Violation) as lost:
            if device.security_policy != "none":
                await _explain(device, clock, lost)
            raise
        session = cls(channel, device)
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
        [request] = read_requests([ua.NodeId(ua.Int32(node)) for node in nodes], len(nodes))
        reader = await self.ask(Service.READ, request)
        found = [reader.fact() for _ in range(reader.count())]
        return found + [None] * (len(nodes) - len(found))

    async def watch(self, parameters: Any) -> list[Item]:
        """Create the monitored items of `parameters`."""
        return items(await self.ask(Service.CREATE_MONITORED_ITEMS, struct_to_binary(parameters)))

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
        device, policy = self._device, self.channel.policy
        nonce = create_nonce(NONCE_BYTES)
        reader = await self.ask(Service.CREATE_SESSION, struct_to_binary(self._creation(nonce)))
        made = decoded(ua.CreateSessionResult, reader)
        self.channel.token = nodeid_to_binary(made.AuthenticationToken)
        self._created = True
        certificate = self._proven(made, nonce)
        tokens = [
            token
            for endpoint in made.ServerEndpoints or ()
            if (endpoint.SecurityMode, endpoint.SecurityPolicyUri) == (policy.Mode, policy.URI)
            for token in endpoint.UserIdentityTokens or ()
        ]
        parameters = ua.ActivateSessionParameters(LocaleIds=["en"])
        parameters.UserIdentityToken = user_token(
            device, tokens, policy, certificate=certificate, nonce=made.ServerNonce or b""
        )
        if policy.host_certificate:
            proof = policy.asymmetric_cryptography.signature(policy.peer_certificate + (made.ServerNonce or b""))
            parameters.ClientSignature = ua.SignatureData(policy.AsymmetricSignatureURI, proof)
        await self.ask(Service.ACTIVATE_SESSION, struct_to_binary(parameters))

    def _creation(self, nonce: bytes) -> Any:
        policy, uri = self.channel.policy, application_uri(self.channel.policy)
        return ua.CreateSessionParameters(
            ClientDescription=ua.ApplicationDescription(
                ApplicationUri=uri,
                ProductUri="urn:gridsentinel",
                ApplicationName=ua.LocalizedText("GridSentinel"),
                ApplicationType=ua.ApplicationType.Client,
            ),
            EndpointUrl=self._device.url,
            SessionName=f"GridSentinel {self._device.name}",
            ClientNonce=nonce,
            ClientCertificate=policy.host_certificate or None,
            RequestedSessionTimeout=TIMEOUT_MS,
            MaxResponseMessageSize=self._device.max_message_bytes,
        )

    def _proven(self, made: Any, nonce: bytes) -> bytes | None:
        """Return the certificate of the server, which has proven that it is the one we know; None if we know none."""
        policy, known = self.channel.policy, server_certificate(self._device)
        if known is None:
            return None
        shown = made.ServerCertificate or b""
        if not shown.startswith(known):  # others of its chain may follow
            raise LinkLost(_changed(shown, known))
        if policy.host_certificate:
            try:
                signature = made.ServerSignature.Signature or b""
                policy.asymmetric_cryptography.verify(policy.host_certificate + nonce, signature)
            except InvalidSignature:
                raise LinkLost("the server does not prove that its certificate is its own") from None
        return known


def read_requests(nodes: Sequence[Any], most: int) -> list[bytes]:
    """Return the parameters of requests that read the values of `nodes`, at most so many in each."""
    return [
        struct_to_binary(
            ua.ReadParameters(
                MaxAge=0,
                TimestampsToReturn=ua.TimestampsToReturn.Source,
                NodesToRead=[ua.ReadValueId(node, AttributeIds.Value) for node in nodes[start : start + most]],
            )
        )
        for start in range(0, len(nodes), most)
    ]


async def _channel(device: OpcuaDevice, policy: Any, clock: Clock) -> Channel:
    url = urlsplit(device.url)
    return await Channel.open(
        (url.hostname or "", url.port or PORT, device.url),
        policy=policy, max_message_bytes=device.max_message_bytes, clock=clock,
    )  # fmt: skip


async def _explain(device: OpcuaDevice, clock: Clock, lost: Exception) -> None:
    """Ask, without security, which certificate the server shows: a new one, or ours that it does not trust.

    Raises:
        LinkLost: what was found out.
    """
    known = server_certificate(device) or b""
    try:
        channel = await _channel(device, POLICIES["none"](), clock)
    except (OSError, LinkLost, Violation):
        return
    try:
        request = struct_to_binary(ua.GetEndpointsParameters(EndpointUrl=device.url))
        reader = await channel.ask(Service.GET_ENDPOINTS, request, device.timeout_s)
        found = [decoded(ua.EndpointDescription, reader) for _ in range(reader.count())]
    except (Refused, LinkLost, TimeoutError, Violation):
        return
    finally:
        channel.close()
    wanted = POLICIES[device.security_policy].URI
    offered = {each.SecurityPolicyUri for each in found}
    shown = {each.ServerCertificate or b"" for each in found if each.SecurityPolicyUri == wanted}
    if wanted not in offered:
        names = sorted(str(uri).rpartition("#")[2] for uri in offered)
        raise LinkLost(f"the server does not offer security_policy {device.security_policy}, but {', '.join(names)}")
    if not any(each.startswith(known) for each in shown):
        raise LinkLost(_changed(shown.pop(), known))
    raise LinkLost(f"{lost}; its certificate is the one we know: does it trust ours?")


def _changed(shown: bytes, known: bytes) -> str:
    return (
        f"the server's certificate is not the one in server_certificate_file: it shows {_seen(shown)}, "
        f"known is {fingerprint(known)}"
    )


def _seen(certificate: bytes) -> str:
    return fingerprint(certificate) if certificate else "none"


def decoded(kind: Any, reader: Reader) -> Any:
    """Return a structure of a handshake; none of these holds a variant, whose counts asyncua trusts.

    Raises:
        Violation: it is none.
    """
    buffer = Buffer(reader.data, reader.at)
    try:
        found = struct_from_binary(kind, buffer)
    except ILLEGAL as illegal:
        raise Violation(f"illegal {kind.__name__}: {illegal}"[:200]) from None
    reader.at = buffer.cur_pos
    return found
