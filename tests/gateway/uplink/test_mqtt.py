"""The way to the broker: versions, passwords, TLS, and one clear sentence when there is none."""

import asyncio
import socket
import subprocess
import sys

import pytest
from ports import free_port

from gateway.config.model import Uplink
from gateway.uplink.endpoint import BrokerLost
from gateway.uplink.message import Outgoing
from gateway.uplink.mqtt import Connection, Listener, Version, connect

OLD_BROKER = """
import asyncio, sys
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig

async def main():
    anyone = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    listener = ListenerConfig(bind=sys.argv[1])
    await Broker(BrokerConfig(listeners={"default": listener}, plugins=anyone)).start()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
SECRET = "correct horse battery"
WILL = Outgoing("gridsentinel/site/gw/status", b"{}", retain=True)


async def opened(url, **keys):
    listener = Listener(acked=lambda _: None, received=lambda _: None, ended=lambda: None)
    version = keys.pop("version", Version.V5)
    uplink = Uplink(url=url, **{"connect_timeout_s": 3.0} | keys)
    return await connect(uplink, version=version, client_id="c", will=lambda: WILL, listener=listener)


async def refused(url, **keys):
    with pytest.raises(BrokerLost) as lost:
        await opened(url, **keys)
    return str(lost.value)


@pytest.fixture
def old_broker():
    """Run a broker that speaks MQTT 3.1.1 only, in a process of its own."""
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-c", OLD_BROKER, address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout.readline() == b"ready\n"
        yield f"mqtt://{address}"
        process.kill()


@pytest.mark.parametrize("version", Version)
async def test_a_broker_of_today_is_spoken_to_in_the_version_asked(mosquitto, version):
    """Mosquitto takes both versions."""
    connection = await opened(mosquitto.url, version=version)
    await connection.disconnect()

    assert version is connection.version


async def test_a_broker_that_refuses_5_is_spoken_to_in_311(old_broker):
    """An older broker is found out by its refusal, in the same attempt."""
    connection = await opened(old_broker)
    await connection.disconnect()

    assert Version.V311 is connection.version


async def test_the_publisher_remembers_the_version(old_broker, memory, publish, messages):
    """A publisher brings its rows to a broker of 3.1.1."""
    publisher = publish(old_broker, memory)
    memory.put(*(messages.summary(n) for n in range(20)))
    await memory.empty()

    assert publisher.protocol == "3.1.1"


async def test_the_brokers_window_is_kept(mosquitto):
    """A broker of MQTT 5 that takes fewer messages at once gets fewer: Mosquitto takes 20."""
    connection = await opened(mosquitto.url, inflight=100)
    connection.abort()

    assert connection.window == 20


async def test_a_password_is_read_and_never_told(make_mosquitto, tmp_path):
    """The right password opens; the wrong one gives a clear error without it, and the next attempt reads it again."""
    broker = make_mosquitto()
    broker.with_user("gw1", SECRET)
    broker.start()
    file = tmp_path / "password"
    file.write_text("wrong horse")
    errors = [await refused(broker.url, username="gw1", password_file=file, version=version) for version in Version]
    errors += [await refused(broker.url)]
    file.write_text(SECRET + "\n")
    connection = await opened(broker.url, username="gw1", password_file=file)
    await connection.disconnect()

    assert all("refuses user gw1: " in error for error in errors[:2])
    assert "refuses a client without user: " in errors[2]
    assert "horse" not in "".join(errors)


async def test_tls_with_a_ca_of_its_own(make_mosquitto, certificates):
    """The CA of `ca_file` is trusted for the host it signed, and no other CA is."""
    broker = make_mosquitto()
    broker.with_tls(certificates)
    broker.start()
    connection = await opened(f"mqtts://localhost:{broker.port}", ca_file=certificates.ca)
    await connection.disconnect()
    stranger = await refused(f"mqtts://localhost:{broker.port}", ca_file=certificates.other_ca)
    system = await refused(f"mqtts://localhost:{broker.port}")

    assert all(f"the certificate of localhost:{broker.port} is not trusted: " in text for text in (stranger, system))


async def test_rows_over_tls(make_mosquitto, certificates, memory, publish, messages):
    """Acknowledgements that arrive many in one TLS record are all seen at once."""
    broker = make_mosquitto()
    broker.with_tls(certificates)
    broker.start()
    memory.put(*(messages.summary(n, points=200) for n in range(300)))
    publisher = publish(f"mqtts://localhost:{broker.port}", memory, ca_file=certificates.ca, backlog_rate_per_s=100_000)
    await memory.empty()

    assert publisher.connects == 1


async def test_tls_checks_the_name(make_mosquitto, certificates):
    """A trusted certificate of another host is refused."""
    port = make_mosquitto().port
    broker = make_mosquitto(f"listener {port} 127.0.0.2")
    broker.with_tls(certificates)
    broker.start()
    text = await refused(f"mqtts://127.0.0.2:{port}", ca_file=certificates.ca)

    assert text.startswith(f"the certificate of 127.0.0.2:{port} is not trusted: IP address mismatch")


async def test_a_client_certificate(make_mosquitto, certificates):
    """A broker that asks for a certificate takes ours, and says so when there is none."""
    broker = make_mosquitto()
    broker.with_tls(certificates, ask_client=True)
    broker.start()
    url = f"mqtts://localhost:{broker.port}"
    keys = {"cert_file": certificates.client, "key_file": certificates.client_key}
    connection = await opened(url, ca_file=certificates.ca, **keys)
    await connection.disconnect()
    text = await refused(url, ca_file=certificates.ca)

    assert f"no TLS with localhost:{broker.port}: " in text
    assert "CERTIFICATE_REQUIRED" in text.upper().replace(" ", "_")


async def test_every_failure_has_its_sentence(certificates, tmp_path):
    """Nobody there, no such host, a silent host, a missing file, a host that speaks no MQTT."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        nobody = await refused(f"mqtt://127.0.0.1:{port}")
        silent.listen()
        quiet = await refused(f"mqtt://127.0.0.1:{port}", connect_timeout_s=1)
    unknown = await refused("mqtt://no-such-host.invalid")
    missing = await refused("mqtt://127.0.0.1", username="u", password_file=tmp_path / "none")
    server = await asyncio.start_server(web_server, "127.0.0.1", 0)
    port_http = server.sockets[0].getsockname()[1]
    stranger = await refused(f"mqtt://127.0.0.1:{port_http}")
    server.close()

    assert f"nobody listens at 127.0.0.1:{port}" == nobody
    assert f"no answer from 127.0.0.1:{port} within 1 s" == quiet
    assert unknown.startswith("host no-such-host.invalid not found: ")
    assert f"cannot read {tmp_path / 'none'}: No such file or directory" == missing
    assert stranger == "the broker closed the connection without an answer"


async def test_paho_holds_no_more_than_the_window(mosquitto, memory, publish, messages, monkeypatch):
    """Ten thousand rows wait in the store, and at most the window of them in RAM below it."""
    most = 0
    send = Connection.publish

    def spy(self, message):
        nonlocal most
        mid = send(self, message)
        most = max(most, len(self._client._out_messages), len(self._client._out_packet))
        return mid

    monkeypatch.setattr(Connection, "publish", spy)
    memory.put(*(messages.summary(n) for n in range(2000)))
    publish(mosquitto.url, memory, inflight=10, backlog_rate_per_s=100_000)
    await memory.empty()

    assert most <= 11


async def test_a_flood_from_the_broker_ends_the_connection(mosquitto, subscribe, memory, publish):
    """A packet beyond the limit is not collected in RAM; in 3.1.1, where the broker cannot be told, the link ends."""
    publisher = publish(mosquitto.url, memory)
    publisher._version = Version.V311
    subscriber = subscribe(mosquitto)
    await subscriber.until(lambda s: s.on("/status"))
    subscriber.say("gridsentinel/site/gw/command", b"x" * 100_000)
    await subscriber.until(lambda s: len(s.on("/birth")) == 2)

    assert publisher.last_error.startswith("the broker sent a packet of 1000")


async def web_server(_reader, writer):
    """Answer as a broker never would."""
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()
