"""Pushing to a collector: a real one, and ones that are slow, broken or hostile."""

import asyncio
import gzip
import json
import re
from contextlib import suppress

import pytest
import structlog
from collector import Receiver

from gateway.config.model import Identity
from gateway.config.otel import OtelExport
from gateway.metrics import exporter as room
from gateway.metrics.collector import ANSWER_BYTES, HEADERS_BYTES, Collector, CollectorLost, read_headers
from gateway.metrics.exporter import PAUSE_MAX_S, Exporter
from gateway.metrics.metric import Metric

SECRET = "s3cr3t-of-the-collector"
BODY = b'{"resourceMetrics": []}'


@pytest.fixture
def receive():
    """Make receivers; ended with the test."""
    made = []

    def receive(certificates=None):
        made.append(Receiver(certificates))
        return made[-1]

    yield receive
    for receiver in made:
        receiver.close()


@pytest.fixture
async def answering():
    """Serve raw bytes after a request, or what `conduct` does with it; return the port."""
    made, tasks = [], set()

    async def answering(conduct):
        async def met(reader, writer):
            tasks.add(asyncio.current_task())
            with suppress(OSError, asyncio.CancelledError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                await conduct(writer)
            writer.close()

        made.append(await asyncio.start_server(met, "127.0.0.1", 0))
        return made[-1].sockets[0].getsockname()[1]

    yield answering
    for server in made:
        server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def collector(port, scheme="http", **keys):
    return Collector(OtelExport(url=f"{scheme}://127.0.0.1:{port}", **keys))


async def lost(port, **keys):
    """Return why a collector is lost."""
    with pytest.raises(CollectorLost) as caught:
        await collector(port, **keys).send(BODY)
    return caught.value


def saying(content):
    async def conduct(writer):
        writer.write(content)
        await writer.drain()

    return conduct


async def test_a_push(receive, tmp_path):
    """To the usual path, as JSON, with the headers of the file."""
    receiver, file = receive(), tmp_path / "headers"
    file.write_text(f"Authorization: Bearer {SECRET}\n\nX-Tenant: west\n")

    assert await collector(receiver.port, headers_file=file).send(BODY) == 0
    push = receiver.next()
    assert (push.path, push.headers["content-type"]) == ("/v1/metrics", "application/json")
    assert (push.headers["authorization"], push.headers["x-tenant"]) == (f"Bearer {SECRET}", "west")


async def test_values_that_are_rejected(receive):
    """Counted, as the collector says it."""
    receiver = receive()
    receiver.body = json.dumps({"partialSuccess": {"rejectedDataPoints": "3", "errorMessage": "x"}}).encode()

    assert await collector(receiver.port).send(BODY) == 3


async def test_tls(receive, certificates):
    """The collector's certificate is checked: of our authority it is trusted, of another it is not."""
    receiver = receive(certificates)

    assert await collector(receiver.port, "https", ca_file=certificates.ca).send(BODY) == 0
    with pytest.raises(CollectorLost, match="is not trusted"):
        await collector(receiver.port, "https", ca_file=certificates.other_ca).send(BODY)


@pytest.mark.parametrize("status", [301, 400, 401, 429, 500, 503])
async def test_a_refusal(receive, status):
    """Its status is said and its Retry-After followed; it leads nowhere else."""
    receiver, elsewhere = receive(), receive()
    receiver.status = status
    receiver.headers = {"Retry-After": "17", "Location": f"http://127.0.0.1:{elsewhere.port}/v1/metrics"}
    told = await lost(receiver.port)

    assert (str(told), told.wait_s) == (f"127.0.0.1:{receiver.port} answers {status}", 17)
    assert elsewhere.pushes.empty()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Remote end closed connection|reset by peer"),
        (b"SSH-2.0-OpenSSH_9.2p1 " + SECRET.encode() + b"\r\n\r\n", "is no HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "is no HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 1000 + b"\r\n", "is no HTTP"),
        (b"HTTP/1.1 99999 OK\r\n\r\n", "is no HTTP"),
    ],
)
async def test_answers_that_are_none(answering, content, reason):
    """Named for what they are; nothing of them is repeated."""
    told = str(await lost(await answering(saying(content))))

    assert re.search(reason, told)
    assert SECRET not in told


async def test_an_endless_answer(answering):
    """Is read up to the bound, and is a push all the same."""

    async def endless(writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * ANSWER_BYTES)
            await writer.drain()

    assert await collector(await answering(endless)).send(BODY) == 0


async def test_one_that_drips(answering):
    """Costs the time-out and no more, though each byte comes in time; its thread ends with it."""

    async def dripping(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.1)  # the drip itself

    one = collector(await answering(dripping), timeout_s=1)
    with pytest.raises(CollectorLost, match=r"no answer from .* within 1 s"):
        await one.send(BODY)
    attempt = one._attempt
    await asyncio.to_thread(attempt.join, 30)
    assert attempt.ended


async def test_nobody_there():
    """Is said in one sentence."""
    assert "nobody listens at" in str(await lost(1))


@pytest.mark.parametrize(
    "content",
    [f"Bearer {SECRET}", f"Authorization: {SECRET}\x00", f"A B: {SECRET}", f"A: {SECRET}\ud7ff", f"A: {SECRET}" * 900],
)
async def test_a_file_that_holds_no_headers(receive, tmp_path, content):
    """Is named, with the line; what stands there is not. Nothing is sent."""
    receiver, file = receive(), tmp_path / "headers"
    file.write_text(f"X-Tenant: west\n{content}\n")
    told = str(await lost(receiver.port, headers_file=file))

    assert str(file) in told
    assert "line 2" in told or f"over {HEADERS_BYTES}" in told
    assert SECRET not in told
    assert receiver.pushes.empty()


def test_headers_may_end_in_blanks(tmp_path):
    """And lines as another system writes them."""
    file = tmp_path / "headers"
    file.write_bytes(b"A:b c \r\nD-E:\tf\r\n")

    assert read_headers(file) == {"A": "b c", "D-E": "f"}


class Clock:
    """Time that passes at once: each pause is noted, and the pushes end after some."""

    def __init__(self, pauses):
        self.slept, self._left = [], pauses

    async def sleep(self, pause_s):
        self.slept.append(pause_s)
        self._left -= 1
        if self._left < 0:
            raise asyncio.CancelledError


async def run(monkeypatch, port, pauses, on_pause=lambda _: None):
    """Run an exporter without waiting; return it, its pauses and its log."""
    clock = Clock(pauses)

    async def sleep(pause_s):
        await clock.sleep(pause_s)
        on_pause(len(clock.slept))

    monkeypatch.setattr(room, "METRICS", [Metric("m", "gauge", "Help.", lambda source: [((), source.value)])])
    source = type("Source", (), {"now_ns": 1, "value": 5})
    export = OtelExport(url=f"http://127.0.0.1:{port}", every_s=10)
    made = Exporter(export, Identity(site="west", name="gw1"), lambda: source, random=lambda: 1.0, sleep=sleep)
    with structlog.testing.capture_logs() as logs, suppress(asyncio.CancelledError):
        await made.run()
    return made, clock.slept, [(each["event"], each.get("reason")) for each in logs]


async def test_every_so_often(receive, monkeypatch):
    """The first by chance, then evenly; said once."""
    receiver = receive()
    made, pauses, logs = await run(monkeypatch, receiver.port, 3)

    assert pauses == [10, 10, 10, 10]
    assert logs == [("otel_connected", None)]
    assert made.counted() == {"otel_sent": 3, "otel_failed": 0, "otel_rejected": 0}
    push = receiver.next()
    assert push.values("m") == {(): 5}
    assert {**push.who, "service.version": ""} == {
        "service.name": "gridsentinel",
        "service.namespace": "west",
        "service.instance.id": "gw1",
        "service.version": "",
    }


async def test_pauses_that_grow(receive, monkeypatch):
    """To ten minutes, and anew after a push that was taken; a lost collector is said once, and that it is back."""
    receiver = receive()
    receiver.status = 503

    def recover(pause):
        receiver.status = 200 if pause in (9, 10) else 503

    made, pauses, logs = await run(monkeypatch, receiver.port, 11, recover)

    assert pauses == [10, 20, 40, 80, 160, 320, PAUSE_MAX_S, PAUSE_MAX_S, PAUSE_MAX_S, 10, 10, 20]
    assert [event for event, _ in logs] == ["otel_lost", "otel_connected", "otel_lost"]
    assert made.counted() == {"otel_sent": 2, "otel_failed": 9, "otel_rejected": 0}


async def test_it_waits_as_long_as_it_is_told_to(receive, monkeypatch):
    """But no longer than the longest pause."""
    receiver = receive()
    receiver.status, receiver.headers = 429, {"Retry-After": "300"}

    def longer(pause):
        receiver.headers = {"Retry-After": "86400" if pause > 1 else "300"}

    _, pauses, _ = await run(monkeypatch, receiver.port, 2, longer)

    assert pauses == [10, 300, PAUSE_MAX_S]


def test_names_shrink():
    """Compression is worth its time: names and labels repeat."""
    content = json.dumps([{"key": "device", "value": {"stringValue": f"feeder{n}"}} for n in range(500)]).encode()

    assert len(gzip.compress(content, 1)) < len(content) / 8
