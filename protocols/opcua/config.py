"""What an engineer says about an OPC UA server: where it is, whom to trust, and the node of each point."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from protocols.point import DeviceConfig, PointConfig
from protocols.settings import AfterValidator, Bytes, Fault, Field, Seconds, settings
from protocols.url import network_url

if TYPE_CHECKING:
    from protocols.driver import Driver, Outside
    from protocols.points import Points

Policy = Literal["none", "Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"]
Mode = Literal["sign", "sign_and_encrypt"]

PORTS = {"opc.tcp": 4840}
"""Registered with IANA for opc.tcp."""
MISSING = "certificates of OPC UA need a package that is not installed: pip install 'gridsentinel[opcua]'"
ADDRESS = re.compile(r"(?:ns=(\d{1,5});|nsu=([^;]{1,512});)?([isgb])=(.{1,4096})", re.DOTALL)
GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
SECURED = ("certificate_file", "key_file", "server_certificate_file")


@dataclass(frozen=True, slots=True)
class Address:
    """A node id as OPC 10000-6 clause 5.3.1.10 writes it; the namespace by its index, or by its name in `uri`."""

    namespace: int
    uri: str | None
    kind: str
    identifier: str

    def __str__(self) -> str:
        """Write it as `parse` reads it."""
        if self.uri is not None:
            return f"nsu={self.uri.replace('%', '%25').replace(';', '%3B')};{self.kind}={self.identifier}"
        return (
            f"ns={self.namespace};{self.kind}={self.identifier}" if self.namespace else f"{self.kind}={self.identifier}"
        )

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read `ns=2;s=T1.OilTemp`, `nsu=urn:plant;i=17`, `i=2258`.

        Raises:
            ValueError: says what is wrong and what is allowed.
        """
        match = ADDRESS.fullmatch(text)
        if match is None:
            raise ValueError(f"address '{text}' is no node id: ns=2;s=T1.OilTemp, ns=2;i=17 or nsu=URI;s=T1.OilTemp")
        namespace, uri, kind, identifier = match.groups()
        if int(namespace or 0) > 0xFFFF:
            raise ValueError(f"namespace {namespace} is over 65535")
        if kind == "i" and not (identifier.isascii() and identifier.isdigit() and int(identifier) < 2**32):
            raise ValueError(f"'i={identifier}' is no number from 0 to 4294967295; texts are s=")
        if kind == "g" and GUID.fullmatch(identifier) is None:
            raise ValueError(f"'g={identifier}' is not like 09087e75-8e5e-499b-954f-f2a9603db28a")
        if kind == "b" and BASE64.fullmatch(identifier) is None:
            raise ValueError(f"'b={identifier}' is no Base64")
        return cls(int(namespace or 0), uri and uri.replace("%3B", ";").replace("%25", "%"), kind, identifier)


@dataclass(frozen=True, slots=True)
class Watched:
    """A point to watch: `deadband` in the unit of the server's value, 0 for every change."""

    row: int
    address: Address
    deadband: float


def _address(text: str) -> str:
    Address.parse(text)
    return text


def _url(text: str) -> str:
    return network_url(text, PORTS, told="not opc.tcp://HOST:PORT or opc.tcp://HOST:PORT/PATH", path=True)


@settings
class OpcuaPoint(PointConfig):
    """One variable of an OPC UA server."""

    address: Annotated[str, AfterValidator(_address)]
    """Node id: ns=2;s=T1.OilTemp, ns=2;i=17, or by the namespace's name, which lasts longer: nsu=URI;s=T1.OilTemp."""
    type: Literal["number", "bool"] = "number"
    """bool for a status (on or off), which is sent on every change; a server tells the type of its values itself."""

    @property
    def place(self) -> Address:
        """The address, parsed."""
        return Address.parse(self.address)

    @property
    def kind(self) -> str:
        """Its type, as the birth message tells it."""
        return "bool" if self.type == "bool" else "float64"

    @property
    def status(self) -> bool:
        """Whether it is on or off."""
        return self.type == "bool"


@settings
class OpcuaDevice(DeviceConfig):
    """One OPC UA server, or a part of one: devices with the same url, user and security share a session."""

    protocol: Literal["opcua"]
    """The protocol."""
    url: Annotated[str, AfterValidator(_url)]
    """opc.tcp://HOST:PORT or opc.tcp://HOST:PORT/PATH; port 4840 when left out."""
    every_s: Seconds = 60.0
    """All values are read this often besides, in seconds; between, the server sends what changes."""
    timeout_s: float = Field(default=5.0, ge=0.01, le=60)
    """How long one request may take, in seconds; a handshake with certificates is slow on small servers."""
    publishing_ms: float = Field(default=500.0, ge=10, le=60_000)
    """How often the server sends what has changed, in milliseconds."""
    sampling_ms: float = Field(default=250.0, ge=0, le=60_000)
    """How often the server looks at each value, in milliseconds; 0 is as fast as it can."""
    keepalive_s: float = Field(default=5.0, ge=0.5, le=600)
    """Longest silence of a server where nothing changes, in seconds; after it and timeout_s more, the link is lost."""
    outage_s: float = Field(default=120.0, ge=1, le=3600)
    """How long the server is asked to keep the session and what changes while the link is broken, in seconds."""
    max_message_bytes: Bytes = Field(default=1024 * 1024, ge=65_536, le=64 * 1024 * 1024)
    """Longest message of the server; 1000 values take about 30 KiB."""
    security_policy: Policy = "none"
    """none, Basic256Sha256, Aes128_Sha256_RsaOaep or Aes256_Sha256_RsaPss."""
    security_mode: Mode = "sign_and_encrypt"
    """What a security policy does to messages: sign, or sign_and_encrypt."""
    certificate_file: Path | None = None
    """Our certificate (PEM or DER), with a URI among its alternative names; the server must trust it."""
    key_file: Path | None = None
    """Key of our certificate (PEM), readable by this service only."""
    server_certificate_file: Path | None = None
    """The server's certificate (PEM or DER): no other is accepted, also none on first use."""
    username: str | None = None
    """User at the server; anonymous when left out."""
    password_file: Path | None = None
    """Password of the user, readable by this service only; it leaves the gateway encrypted or not at all."""
    points: tuple[OpcuaPoint, ...] = ()
    """What is watched."""

    @property
    def endpoint(self) -> str:
        """What devices must share to share a session."""
        secrets = (self.security_policy, self.security_mode, *(getattr(self, key) for key in SECURED))
        return "|".join(str(each) for each in (self.url, *secrets, self.username, self.password_file))

    @property
    def secret_files(self) -> tuple[str, ...]:
        """Keys of files that only this service may read."""
        return ("key_file", "password_file")

    def faults(self) -> Iterator[Fault]:
        """Yield what only shows between keys, and a package that is missing."""
        if self.server_certificate_file is not None and find_spec("cryptography") is None:
            yield ("server_certificate_file",), MISSING
        secured = self.security_policy != "none"
        for key in SECURED:
            if secured and getattr(self, key) is None:
                yield ("security_policy",), f"security_policy {self.security_policy} needs {key}"
        for key in SECURED[:2]:
            if not secured and getattr(self, key) is not None:
                yield (key,), f"{key} needs a security_policy"
        if (self.username is None) != (self.password_file is None):
            given, missing = ("password_file", "username") if self.username is None else ("username", "password_file")
            yield (given,), f"{given} needs {missing} beside it"
        elif self.username is not None and self.server_certificate_file is None:
            yield (
                ("username",),
                "username needs server_certificate_file, so that only this server can read the password",
            )
        elif self.server_certificate_file is not None and self.username is None and not secured:
            yield ("server_certificate_file",), "server_certificate_file needs a security_policy or a username"

    @staticmethod
    def driver(devices: "Sequence[Any]", points: "Points", outside: "Outside") -> "Driver":
        """Build the conversation that `devices`, all of this class and of one endpoint, share."""
        from protocols.opcua.driver import OpcuaDriver  # noqa: PLC0415  loaded only when a device needs it

        return OpcuaDriver(devices, points, outside)
