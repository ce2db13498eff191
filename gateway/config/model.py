"""Every key of the configuration, with its default, unit, range and meaning; one frozen object once loaded."""

from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from detectors.config import AnyDetector
from gateway.config.otel import OtelExport
from gateway.core.rules import AlarmRules
from protocols.config import Device
from protocols.settings import AfterValidator, Bytes, Fault, Field, Name, Seconds, Timezone, settings

MIB = 1024 * 1024
LAST_PORT = 65_535
TOKEN_LEAST = 24
"""Bytes of a token: 24 hexadecimal digits are 96 bits, which nobody guesses."""


@settings
class Identity:
    """Section `gateway`: who this gateway is and where it keeps its state."""

    site: Name
    """First level of every topic after `gridsentinel`."""
    name: Name
    """Second level of every topic; unique within the site."""
    state_dir: Path = Path("/var/lib/gridsentinel")
    """Directory of the store."""
    timezone: Timezone = "UTC"
    """IANA name of the time zone that days are counted in, such as Africa/Nairobi."""


def _broker_url(text: str) -> str:
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path.strip("/") or port == 0:
        raise ValueError(f"url '{text}' is not mqtt://HOST:PORT or mqtts://HOST:PORT")
    if parts.username or parts.password:
        raise ValueError("no user or password in the url: use username and password_file")
    return text


def _has_protobuf() -> bool:
    try:
        return find_spec("google.protobuf") is not None
    except ModuleNotFoundError:
        return False


@settings
class Uplink:
    """Section `uplink`: the broker, and how fast it is fed."""

    url: Annotated[str, AfterValidator(_broker_url)]
    """mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS; ports 1883 and 8883 by default."""
    format: Literal["json", "sparkplug_b"] = "json"
    """What messages look like."""
    sparkplug_metrics: Literal["last", "window"] = "window"
    """With sparkplug_b: a metric a point, `last`, or mean, min, max and count of each window beside it."""
    primary_host: str | None = Field(default=None, pattern=r"^[^/+#\s]{1,128}$")
    """With sparkplug_b: the host application without which nothing is sent, everything waits in the store."""
    window_s: float = Field(default=10.0, ge=1, le=3600)
    """One summary per device and window; seconds."""
    client_id: str | None = Field(default=None, max_length=128)
    """MQTT client identifier; SITE-NAME by default."""
    username: str | None = None
    """MQTT user."""
    password_file: Path | None = None
    """File with the password, readable by this service only."""
    ca_file: Path | None = None
    """Certificate authorities (PEM) for mqtts; the system's by default."""
    cert_file: Path | None = None
    """Client certificate (PEM) for mqtts."""
    key_file: Path | None = None
    """Key of the client certificate (PEM), readable by this service only."""
    keepalive_s: int = Field(default=30, ge=5, le=3600)
    """MQTT keep-alive; seconds."""
    connect_timeout_s: float = Field(default=10.0, ge=1, le=120)
    """How long the broker may take to accept; seconds."""
    retry_first_s: float = Field(default=1.0, ge=0.1, le=600)
    """Longest first pause before a lost broker is tried again, by chance; doubles each time; seconds."""
    retry_max_s: float = Field(default=60.0, ge=1, le=3600)
    """Longest pause between attempts to connect; seconds."""
    inflight: int = Field(default=100, ge=1, le=10_000)
    """Most messages that wait for the broker's acknowledgement at once."""
    backlog_rate_per_s: float = Field(default=200.0, gt=0, le=100_000)
    """Most stored messages a second after an outage, so that live ones never wait."""
    status_every_s: Seconds = 30.0
    """How often the retained status is renewed while nothing changes; seconds."""

    @property
    def tls(self) -> bool:
        """Whether the broker is reached by TLS."""
        return self.url.startswith("mqtts")

    @property
    def host(self) -> str:
        """The broker's host."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The broker's port."""
        return urlsplit(self.url).port or (8883 if self.tls else 1883)

    def faults(self) -> Iterator[Fault]:
        """Yield what only shows between keys."""
        for key in ("ca_file", "cert_file", "key_file"):
            if getattr(self, key) is not None and not self.tls:
                yield (key,), f"{key} needs an mqtts:// url"
        if self.retry_first_s > self.retry_max_s:
            yield ("retry_first_s",), f"retry_first_s {self.retry_first_s:g} is over retry_max_s {self.retry_max_s:g}"
        if (self.cert_file is None) != (self.key_file is None):
            missing = "cert_file" if self.cert_file is None else "key_file"
            given = "key_file" if self.cert_file is None else "cert_file"
            yield (given,), f"{given} needs {missing} beside it"
        if self.format == "sparkplug_b" and not _has_protobuf():
            yield ("format",), "sparkplug_b needs the package protobuf: pip install 'gridsentinel[sparkplug]'"
        if self.primary_host is not None and self.format != "sparkplug_b":
            yield ("primary_host",), "primary_host needs format: sparkplug_b"
        if self.password_file is not None and self.username is None:
            yield ("password_file",), "password_file needs username beside it"

    @property
    def secret_files(self) -> tuple[str, ...]:
        """Keys of files that only this service may read."""
        return ("password_file", "key_file")


@settings
class StoreBudget:
    """Section `store`: how much disk the messages that wait may take."""

    max_bytes: Bytes = Field(default=256 * MIB, ge=4 * MIB)
    """Hard limit of database and journal together."""
    alarm_share: float = Field(default=0.2, gt=0, lt=0.9)
    """Share of it that is kept for alarms."""
    commit_s: float = Field(default=0.5, ge=0.01, le=60)
    """Longest time a message waits in RAM for its commit; alarms are committed at once; seconds."""


@settings
class RecorderBudget:
    """Section `recorder`: a recording of every point on the local disk, for replay and training; off without it."""

    max_bytes: Bytes = Field(default=64 * MIB, ge=4 * MIB)
    """Hard limit of the recording; the oldest goes."""
    every_s: float = Field(default=1.0, ge=0.1, le=3600)
    """How often the last reading of every point is recorded; seconds."""


@settings
class EvidenceBudget:
    """Section `evidence`: frames and readings around an alarm, kept as files on the local disk; off with null."""

    max_bytes: Bytes = Field(default=32 * MIB, ge=MIB)
    """Hard limit of all of it; the oldest goes."""
    before_s: float = Field(default=10.0, ge=0, le=300)
    """How much before an alarm is kept, as far as it is remembered; seconds."""
    after_s: float = Field(default=5.0, ge=0.1, le=60)
    """How much after it; alarms that come meanwhile share it; seconds."""
    cyber: Literal["info", "warning", "critical", "emergency"] = "warning"
    """Least severity of an alarm of a cyber check of which evidence is kept."""
    others: Literal["info", "warning", "critical", "emergency"] = "critical"
    """Least severity of any other alarm of which evidence is kept."""


@settings
class Polling:
    """Section `poll`: who is asked together, and what happens when devices do not answer."""

    retry_first_s: float = Field(default=1.0, ge=0.05, le=60)
    """First pause before a lost device is tried again; doubles each time; seconds."""
    retry_max_s: float = Field(default=30.0, ge=0.1, le=3600)
    """Longest pause between attempts; seconds."""
    together: int = Field(default=4, ge=1, le=1000)
    """Most lines and network devices that are asked in the same moment: the gateway wakes once for all of them, which
    halves its CPU. With 1 they are spread evenly over their interval, for devices that share a slow radio."""
    queue_batches: int = Field(default=1024, ge=16, le=100_000)
    """Most batches that wait for the checks; beyond it polls become late and are counted."""

    def faults(self) -> Iterator[Fault]:
        """Yield what only shows between keys."""
        if self.retry_first_s > self.retry_max_s:
            yield ("retry_first_s",), f"retry_first_s {self.retry_first_s:g} is over retry_max_s {self.retry_max_s:g}"


@settings
class Logging:
    """Section `log`: what is written to the journal. State changes only."""

    format: Literal["auto", "console", "json"] = "auto"
    """auto: fields of the journal where standard error is the journal of systemd, otherwise text."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is written."""


def _listen(text: str) -> str:
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not bare or (":" in bare) != (host != bare) or not port.isascii() or not port.isdigit():
        raise ValueError(f"'{text}' is not ADDRESS:PORT, such as 127.0.0.1:9200 or [::1]:9200")
    if int(port) > LAST_PORT:
        raise ValueError(f"port {port} is over {LAST_PORT}")
    return text


@settings
class MetricsPage:
    """Section `metrics`: numbers for Prometheus and /health for probes, over HTTP; off without it."""

    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:9200"
    """ADDRESS:PORT to listen at, without any login: whoever reaches it may read the numbers; 0 takes a free port."""


@settings
class PageUser:
    """Somebody who may log in to the local page."""

    name: Name
    """Under this name what he does is entered in the audit log."""
    token_file: Path
    """File with his token, 24 characters or more, readable by this service only."""
    may: Literal["read", "operate"] = "read"
    """read: look at everything; operate: also acknowledge and shelve alarms."""

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with the token; that of a credential that systemd has not mounted yet is not seen."""
        with suppress(OSError):
            size = self.token_file.stat().st_size
            if size < TOKEN_LEAST:
                yield ("token_file",), f"{self.token_file}: {size} bytes can be guessed, {TOKEN_LEAST} or more cannot"

    @property
    def secret_files(self) -> tuple[str, ...]:
        """Keys of files that only this service may read."""
        return ("token_file",)


@settings
class LocalPage:
    """Section `page`: the state of everything for a person nearby, over HTTP; off without it."""

    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:9300"
    """ADDRESS:PORT to listen at; without TLS, so beyond this computer only behind a proxy that has it."""
    hosts: tuple[str, ...] = ()
    """Names by which a browser may ask, beside addresses and localhost: that of a proxy."""
    users: tuple[PageUser, ...] = Field(min_length=1)
    """Who may log in."""
    trend_bytes: Bytes = Field(default=4 * MIB, ge=MIB // 4, le=256 * MIB)
    """Memory for the trends of the last hours; with more points their steps are coarser."""

    def faults(self) -> Iterator[Fault]:
        """Yield names that are there twice."""
        names = [user.name for user in self.users]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield ("users", index, "name"), f"user '{name}' is there already; each needs a name of its own"


@settings
class Config:
    """The whole configuration."""

    gateway: Identity
    uplink: Uplink
    store: StoreBudget = Field(default_factory=StoreBudget)
    recorder: RecorderBudget | None = None
    """A recording on the local disk, beside the store; none without this section."""
    evidence: EvidenceBudget | None = Field(default_factory=EvidenceBudget)
    """What is kept of the time around alarms, beside the store."""
    metrics: MetricsPage | None = None
    """A page of numbers over HTTP; none without this section."""
    otel: OtelExport | None = None
    """A collector that the same numbers are pushed to; none without this section."""
    page: LocalPage | None = None
    """The local page; none without this section."""
    poll: Polling = Field(default_factory=Polling)
    log: Logging = Field(default_factory=Logging)
    alarms: AlarmRules = Field(default_factory=AlarmRules)
    include: tuple[str, ...] = ()
    """Files with more devices and detectors, relative to this one; wildcards allowed."""
    devices: tuple[Device, ...] = ()
    """What is polled."""
    detectors: tuple[AnyDetector, ...] = ()
    """Checks beyond the limits of the points; comm_lost, stale and the limits always look unless switched off here."""
