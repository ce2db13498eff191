"""The HTTP page: two paths, one answer a connection, within bounds, whoever asks."""

import asyncio
import json
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from gateway.health import Health
from gateway.metrics import server as module
from gateway.metrics.server import CONNECTIONS, REQUEST_BYTES, MetricsServer

WELL = Health(97, "operational", ("1 of 9 devices do not answer",))


@pytest.fixture
async def serve():
    """Serve on a free port; ended with the test."""
    running = []

    async def serve(page=lambda: b"a 1\n", health=lambda: WELL, listen="127.0.0.1:0"):
        server = MetricsServer(listen, metrics=page, health=health)
        running.append(asyncio.create_task(server.run()))
        await server.listening.wait()
        return server

    yield serve
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def told(server, data):
    """Return status and body of what is answered to these bytes; nothing where it hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    try:
        async with asyncio.timeout(30):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    except ConnectionError:
        return None, b""
    finally:
        writer.close()
    return int(head.split()[1]) if head else None, body


def get(path, method="GET"):
    return f"{method} {path} HTTP/1.1\r\nHost: gw\r\nAccept: */*\r\n\r\n".encode()


async def test_the_two_paths(serve):
    """The page with its type, and the health as JSON; a query string is nobody's business."""
    server = await serve()
    status, body = await told(server, get("/health"))

    assert await told(server, get("/metrics?x=1")) == (200, b"a 1\n")
    assert (status, json.loads(body)) == (
        200, {"state": "operational", "health": 97, "why": ["1 of 9 devices do not answer"]}
    )  # fmt: skip
    assert await told(server, get("/metrics", "HEAD")) == (200, b"")
    assert (server.answered, server.refused) == (3, 0)


async def test_a_critical_gateway(serve):
    """The probe fails, and says why."""
    status, body = await told(await serve(health=lambda: Health(3, "critical", ("store: full",))), get("/health"))

    assert (status, json.loads(body)["why"]) == (503, ["store: full"])


@pytest.mark.parametrize(
    ("question", "status"), [(get("/"), 404), (get("/metrics/../x"), 404), (get("/metrics", "POST"), 405)]
)
async def test_nothing_else_is_there(serve, question, status):
    """Other paths and methods are refused in words."""
    assert (await told(await serve(), question))[0] == status


@pytest.mark.parametrize(
    "question", [b"\r\n\r\n", b"GET /metrics\r\n\r\n", b"\x16\x03\x01\x02\r\n\r\n", b"G" * 3 * REQUEST_BYTES]
)
async def test_what_is_no_question(serve, question):
    """It is hung up on, counted, and the next one is served."""
    server = await serve()

    assert (await told(server, question))[0] is None
    assert await told(server, get("/metrics")) == (200, b"a 1\n")
    assert (server.answered, server.refused) == (1, 1)


async def test_slow_askers_are_hung_up_on(serve, monkeypatch):
    """Whoever sends a byte now and then has all of his time for all of his question; the ninth has none."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.5)
    server = await serve()
    slow = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(CONNECTIONS)]
    for _, writer in slow:
        writer.write(b"GET /metrics HTTP/1.1\r\n")
        await writer.drain()
    assert (await told(server, get("/metrics")))[0] is None
    async with asyncio.timeout(30):
        ends = [await reader.read() for reader, _ in slow]
    for _, writer in slow:
        writer.close()

    assert ends == [b""] * CONNECTIONS
    assert await told(server, get("/metrics")) == (200, b"a 1\n")
    assert server.refused == CONNECTIONS + 1


async def test_who_does_not_read_is_hung_up_on(serve, monkeypatch):
    """A page that nobody takes is dropped with its connection."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.5)
    server = await serve(page=lambda: b"x" * 32_000_000)
    _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    writer.write(get("/metrics"))
    async with asyncio.timeout(30):
        while not server.refused:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.02)
    writer.transport.abort()

    assert (server.answered, server.refused) == (0, 1)


async def test_a_page_is_drawn_once_a_second(serve):
    """A hundred askers cost one page."""
    drawn = []
    server = await serve(page=lambda: drawn.append(1) or b"a 1\n")
    for _ in range(20):
        assert set(await asyncio.gather(*(told(server, get("/metrics")) for _ in range(5)))) == {(200, b"a 1\n")}

    assert 1 <= len(drawn) <= 3


async def test_a_stop_waits_for_nobody(serve):
    """A slow asker does not hold it up."""
    server = MetricsServer("127.0.0.1:0", metrics=lambda: b"", health=lambda: WELL)
    running = asyncio.create_task(server.run())
    await server.listening.wait()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET")
    await writer.drain()
    running.cancel()
    async with asyncio.timeout(4):
        await asyncio.gather(running, return_exceptions=True)
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()


async def test_an_address_that_is_taken(serve, monkeypatch):
    """It is said once, and had as soon as it is free."""
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    taken = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    with capture_logs() as logs:
        waiting = asyncio.create_task(serve(listen=f"127.0.0.1:{port}"))
        while not logs:  # noqa: ASYNC110 - a log tells nobody
            await asyncio.sleep(0.01)
        taken.close()
        await taken.wait_closed()
        async with asyncio.timeout(30):
            server = await waiting

    assert await told(server, get("/metrics")) == (200, b"a 1\n")
    assert [each["event"] for each in logs] == ["metrics_lost"]
