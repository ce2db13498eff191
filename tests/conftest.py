"""What several rooms test with: a real Mosquitto, killed and restarted at will, and a subscriber that keeps all."""

import asyncio
import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import structlog
from examples import register
from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from ports import free_port
from wire import Wire

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 60.0

register()
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False  # else each child compiles all anew


@cache
def find_mosquitto() -> Path | None:
    """Return the broker's program: from the path, from Debian's place, or unpacked under .peers, a large tree."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found:
        return Path(found)
    peers = sorted(path for path in (ROOT / ".peers").rglob("mosquitto") if path.is_file() and os.access(path, os.X_OK))
    return next(iter(peers), None)


def beside(program: Path) -> dict[str, str]:
    """Return where an unpacked program finds its libraries: beside it."""
    libraries = sorted(str(path) for path in program.parents[1].glob("lib/*-linux-gnu*"))
    return {"LD_LIBRARY_PATH": ":".join(libraries)} if ROOT in program.parents else {}


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Logs that a test sets up, which write to what is closed after it, and memory that it traces, end with it."""
    yield
    structlog.reset_defaults()
    tracemalloc.stop()


@dataclass(frozen=True)
class Certificates:
    """A CA that signed a server for localhost and a client, and a CA that nobody trusts."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path
    other_ca: Path


@dataclass
class Mosquitto:
    """A broker on one port for all its lives; sessions and retained messages survive `stop`, not `kill`."""

    program: Path
    folder: Path
    lines: Sequence[str] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and return when it listens."""
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(self._config()) + "\n")
        with (self.folder / "mosquitto.log").open("ab") as log:
            command = [self.program, "-c", config]
            self.process = subprocess.Popen(command, stderr=log, stdout=log, env=os.environ | beside(self.program))
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except ConnectionRefusedError:
                assert self.process.poll() is None, (self.folder / "mosquitto.log").read_text()
                assert time.monotonic() < deadline, "mosquitto does not listen"
                time.sleep(0.01)
            else:
                return

    def stop(self) -> None:
        """End it in order: what it has acknowledged is on its disk."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a word."""
        self._signal(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def _signal(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(PATIENCE_S)
            self.process = None

    def _config(self) -> Iterator[str]:
        yield f"listener {self.port} 127.0.0.1"
        yield "persistence true"
        yield f"persistence_location {self.folder}/"
        yield "max_queued_messages 0"
        yield from [] if os.geteuid() else ["user root"]
        yield from [] if any(line.startswith("allow_anonymous") for line in self.lines) else ["allow_anonymous true"]
        yield from self.lines

    def with_user(self, user: str, password: str) -> None:
        """Ask every client for this user and password, from the next start on."""
        self.with_users({user: password})

    def with_users(self, passwords: Mapping[str, str]) -> None:
        """Ask every client for one of these users and its password, from the next start on."""
        path = self.folder / "passwords"
        path.write_text("".join(f"{user}:{_digest(password)}\n" for user, password in passwords.items()))
        self.lines = (*self.lines, "allow_anonymous false", f"password_file {path}")

    def with_tls(self, certificates: Certificates, *, ask_client: bool = False) -> None:
        """Speak TLS, from the next start on."""
        self.lines = (
            *self.lines,
            f"cafile {certificates.ca}",
            f"certfile {certificates.server}",
            f"keyfile {certificates.server_key}",
            f"require_certificate {'true' if ask_client else 'false'}",
        )


def _digest(password: str) -> str:
    """Return a password as Mosquitto keeps it."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


@dataclass(frozen=True)
class Received:
    """A message as a subscriber got it."""

    topic: str
    payload: bytes
    retain: bool

    @property
    def json(self) -> Any:
        return json.loads(self.payload)


class Subscriber:
    """A durable session that keeps every message; reconnects by itself."""

    def __init__(
        self,
        broker: Mosquitto,
        topic: str = "#",
        *,
        version: int = MQTTProtocolVersion.MQTTv311,
        user: tuple[str, str] | None = None,
    ) -> None:
        self.messages: list[Received] = []
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=f"subscriber-{id(self)}", clean_session=False, protocol=version
        )
        self._client.reconnect_delay_set(1, 1)
        if user is not None:
            self._client.username_pw_set(*user)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(PATIENCE_S)

    def on(self, part: str) -> list[Any]:
        """Return what came on topics that contain `part`, as JSON."""
        with self._changed:
            return [message.json for message in self.messages if part in message.topic]

    async def until(self, enough: Callable[["Subscriber"], object], timeout_s: float = PATIENCE_S) -> None:
        """Wait until `enough` holds."""
        assert await asyncio.to_thread(self._wait, enough, timeout_s), f"after {timeout_s} s: {self.messages[-5:]}"

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> MQTTMessageInfo:
        """Publish something; what is returned can be waited for until the broker has it."""
        return self._client.publish(topic, payload, qos=1, retain=retain)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._client._reset_sockets()  # else those that woke its thread are found open by whatever test runs then

    def _wait(self, enough: Callable[["Subscriber"], object], timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: bool(enough(self)), timeout_s)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        with self._changed:
            self.messages.append(Received(message.topic, message.payload, message.retain))
            self._changed.notify_all()


@pytest.fixture
def make_mosquitto(tmp_path: Path) -> Iterator[Callable[[], Mosquitto]]:
    """Make brokers that are not yet started; all are ended with the test."""
    program = find_mosquitto()
    if program is None:
        pytest.fail("no mosquitto in PATH, /usr/sbin or .peers: make test fetches it")
    made: list[Mosquitto] = []

    def make(*lines: str) -> Mosquitto:
        folder = tmp_path / f"mosquitto{len(made)}"
        folder.mkdir()
        made.append(Mosquitto(program, folder, lines))
        return made[-1]

    yield make
    for broker in made:
        broker.kill()


@pytest.fixture
def mosquitto(make_mosquitto: Callable[[], Mosquitto]) -> Mosquitto:
    """Run a real broker on a free port; MQTT 3.1.1 and 5, everyone welcome."""
    broker = make_mosquitto()
    broker.start()
    return broker


@pytest.fixture
async def wire(mosquitto: Mosquitto) -> AsyncIterator[Wire]:
    """Stand between a gateway and the running broker."""
    made = Wire(mosquitto.port)
    await made.mend()
    yield made
    await made.close()


@pytest.fixture
def subscribe() -> Iterator[Callable[..., Subscriber]]:
    """Make subscribers; all are closed with the test."""
    made: list[Subscriber] = []

    def make(broker: Mosquitto, topic: str = "#", **keys: Any) -> Subscriber:
        made.append(Subscriber(broker, topic, **keys))
        return made[-1]

    yield make
    for subscriber in made:
        subscriber.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Make a CA with a server and a client, and a stranger."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    def key(name: str) -> tuple[str, ...]:
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key"

    signs = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    for name in ("ca", "other"):
        openssl("req", "-x509", *key(name), "-out", f"{name}.pem", "-days", "2", "-subj", f"/CN={name}", *signs)
    issuer = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"  # RFC 5280 4.2.1.1; Python 3.13 insists
    (folder / "server.ext").write_text(f"subjectAltName=DNS:localhost,IP:127.0.0.1\n{issuer}")
    (folder / "client.ext").write_text(f"extendedKeyUsage=clientAuth\n{issuer}")
    for name in ("server", "client"):
        openssl("req", *key(name), "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signed)
    files = ("ca.pem", "server.pem", "server.key", "client.pem", "client.key", "other.pem")
    return Certificates(*(folder / name for name in files))
