"""Whom a session is with: a stranger, who is asked without security, or a server whose certificate we know."""

from collections.abc import Sequence
from typing import Final, Protocol

from protocols.driver import LinkLost
from protocols.opcua import encoding
from protocols.opcua.chunks import Security, plain
from protocols.opcua.config import MISSING, OpcuaDevice
from protocols.opcua.handshake import Created, UserPolicy

URI: Final = "urn:gridsentinel:gateway"
"""Name of this application where no certificate gives one."""
NOBODY: Final = 0
"""The kind of identity that is none."""


class Impostor(LinkLost):
    """The server shows another certificate than the one that we know; both by their SHA-256, `shown` empty for none."""

    def __init__(self, reason: str, *, shown: str, known: str) -> None:
        super().__init__(reason)
        self.shown, self.known = shown, known


class Partner(Protocol):
    """The server as we know it. `uri` is the name by which we introduce ourselves."""

    security: Security
    uri: str

    def prove(self, made: Created, nonce: bytes) -> None:
        """Do nothing if the server has shown by its signature over our `nonce` that it is the one we know.

        Raises:
            LinkLost, Violation: it has not.
        """

    def identity(self, offered: Sequence[UserPolicy], nonce: bytes) -> bytes:
        """Return who we are as a user, by one of the ways that are `offered`.

        Raises:
            LinkLost: there is none, or none that is safe.
        """

    def signature(self, nonce: bytes) -> tuple[str | None, bytes | None]:
        """Return algorithm and signature that show who we are as an application."""

    def differs(self, shown: bytes) -> Impostor | None:
        """Return what is wrong with the certificate that a server shows, or None."""


class Stranger:
    """A server that is believed what it says: without certificates and users."""

    uri = URI

    def __init__(self) -> None:
        self.security = plain()

    def prove(self, made: Created, nonce: bytes) -> None:
        """Believe it."""

    def identity(self, offered: Sequence[UserPolicy], nonce: bytes) -> bytes:  # noqa: ARG002  as Partner
        """Return the identity of nobody."""
        return anonymous(offered)

    def signature(self, nonce: bytes) -> tuple[str | None, bytes | None]:  # noqa: ARG002  as Partner
        """Return none."""
        return None, None

    def differs(self, shown: bytes) -> Impostor | None:  # noqa: ARG002  as Partner
        """Return None: any will do."""
        return None


def anonymous(offered: Sequence[UserPolicy]) -> bytes:
    """Return the identity of nobody.

    Raises:
        LinkLost: the server wants to know who we are.
    """
    found = [policy for policy in offered if policy.kind == NOBODY]
    if not found:
        raise LinkLost("the server takes no anonymous user: it needs a username")
    return encoding.anonymous(found[0].id)


def partner(device: OpcuaDevice) -> Partner:
    """Return whom a session with `device` is with; what certificates need is loaded only where there are any.

    Raises:
        LinkLost: a file, or the package for it, is missing or wrong.
    """
    if device.server_certificate_file is None:
        return Stranger()
    try:
        from protocols.opcua.security import Known  # noqa: PLC0415  takes 10 MiB, and may be missing
    except ImportError:
        raise LinkLost(MISSING) from None
    return Known(device)
