"""The HTTP server: whole questions, whole answers, and bounds whoever asks."""

import asyncio
import socket
from contextlib import suppress

import asking
import pytest
from asking import asked, heard, request, said
from structlog.testing import capture_logs

from gateway.http import conversation, server, share
from gateway.http.conversation import BODY_BYTES, HEAD_BYTES
from gateway.http.message import Answer
from gateway.http.server import SEATS, HttpServer
from gateway.http.share import Share


async def echo(question):
    """Answer with what was asked."""
    return Answer(200, "text/plain", f"{question.method} {question.path} {question.query}".encode() + question.body)


@pytest.fixture
async def serve():
    """Serve on a free port; ended with the test."""
    running = []

    async def serve(answers=echo, listen="127.0.0.1:0"):
        made = HttpServer("page", listen, answers)
        running.append(asyncio.create_task(made.run()))
        await made.listening.wait()
        return made

    yield serve
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def until(true):
    """Wait until something holds that tells nobody."""
    async with asyncio.timeout(asking.PATIENCE_S):
        while not true():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def test_one_connection_many_questions(serve):
    """One after the other, also when all are sent at once; then the other side may leave, and all was well."""
    made = await serve()
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    for turn in range(3):
        writer.write(request("POST", f"/a?{turn}", body=b"!" * turn))
        assert (await heard(reader)).body == f"POST /a {turn}{'!' * turn}".encode()
    writer.write(b"".join(request("GET", f"/{turn}") for turn in range(20)))
    assert [(await heard(reader)).body for _ in range(20)] == [f"GET /{turn} ".encode() for turn in range(20)]
    writer.close()
    await until(lambda: made.answered == 23)

    assert (made.refused, made.faults) == (0, 0)


async def test_a_question_in_pieces(serve):
    """Byte by byte it is the same question."""
    made = await serve()
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    for byte in request("POST", "/slowly", body=b"body"):
        writer.write(bytes([byte]))
        await asyncio.sleep(0)

    assert (await heard(reader)).body == b"POST /slowly body"
    writer.close()


async def test_every_answer_tells_a_browser_to_be_careful(serve):
    """No script of others, no frame, no guessing of types, no referrer, nothing kept."""
    told = await asked((await serve()).port, "/")

    assert told.headers["content-security-policy"].startswith("default-src 'self';")
    assert "frame-ancestors 'none'" in told.headers["content-security-policy"]
    assert (told.headers["x-content-type-options"], told.headers["referrer-policy"]) == ("nosniff", "no-referrer")
    assert told.headers["cache-control"] == "no-store"
    assert not {name for name in told.headers if name.startswith("access-control") or name == "server"}


async def test_head_has_no_body(serve):
    """But the length of it."""
    told = await asked((await serve()).port, "/x", method="HEAD")

    assert (told.status, told.headers["content-length"]) == (200, "8")


@pytest.mark.parametrize(
    ("question", "status"),
    [
        (b"\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"G" * 3 * HEAD_BYTES, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 2 * HEAD_BYTES + b"\r\n\r\n", 431),
        (request("POST", "/", {"Content-Length": str(BODY_BYTES + 1)}), 413),
        (request("POST", "/", {"Content-Length": "1" * 4000}), 400),
        (request("POST", "/", {"Content-Length": "-1"}), 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400),
        (request("POST", "/", {"Transfer-Encoding": "chunked"}) + b"1\r\nx\r\n0\r\n\r\n", 411),
        (request("POST", "/", {"Transfer-Encoding": "gzip"}), 501),
    ],
)
async def test_what_is_no_question(serve, question, status):
    """It is refused in the words of HTTP, counted, and the next one is served."""
    made = await serve()
    told = await said(made.port, question)
    await until(lambda: made.refused == 1)

    assert told.status == status
    assert (await asked(made.port, "/")).status == 200
    assert made.faults == 0


async def test_the_slowest_give_their_seats(serve, monkeypatch):
    """Two hundred who say half a question keep nobody out, and are gone when their time is over."""
    monkeypatch.setattr(conversation, "ASK_S", 1.0)
    made = await serve()
    slow = [await asyncio.open_connection("127.0.0.1", made.port) for _ in range(200)]
    for _, writer in slow:
        writer.write(b"GET / HTTP/1.1\r\nX:")
    for _ in range(5):
        assert (await asked(made.port, "/")).status == 200
    async with asyncio.timeout(asking.PATIENCE_S):
        ends = [await reader.read() for reader, _ in slow]
    for _, writer in slow:
        writer.close()

    assert set(ends) == {b""}
    await until(lambda: made.refused == 200)


async def test_all_seats_are_busy(serve):
    """Who comes then waits in the kernel, and is answered."""
    free, busy = asyncio.Event(), []

    async def slowly(question):
        busy.append(question)
        await free.wait()
        return await echo(question)

    made = await serve(slowly)
    seated = [asyncio.create_task(asked(made.port, f"/{turn}")) for turn in range(SEATS)]
    await until(lambda: len(busy) == SEATS)
    others = [asyncio.create_task(said(made.port, request("GET", f"/{turn}"))) for turn in range(8)]
    await asyncio.sleep(0.1)
    assert (len(busy), made.refused) == (SEATS, 0)
    free.set()

    assert [told.status for told in await asyncio.gather(*seated, *others)] == [200] * (SEATS + 8)


async def test_who_does_not_read_is_hung_up_on(serve, monkeypatch):
    """An answer that nobody takes is dropped with its connection."""
    monkeypatch.setattr(conversation, "SEND_S", 0.5)

    async def much(_question):
        return Answer(200, "text/plain", b"x" * 32_000_000)

    made = await serve(much)
    with socket.create_connection(("127.0.0.1", made.port)) as sock:
        sock.sendall(request("GET", "/"))
        await until(lambda: made.refused)

    assert made.answered == 0


async def test_a_fault_of_ours_costs_one_answer(serve):
    """It is logged once, counted, and the next one is served."""

    async def faulty(question):
        if question.path == "/fault":
            raise ZeroDivisionError
        return await echo(question)

    made = await serve(faulty)
    with capture_logs() as logs:
        assert [(await asked(made.port, "/fault")).status for _ in range(2)] == [0, 0]
        await until(lambda: made.faults == 2)

    assert (await asked(made.port, "/")).status == 200
    assert [each["event"] for each in logs] == ["http_fault"]


async def test_a_stop_waits_for_nobody():
    """A slow asker does not hold it up."""
    made = HttpServer("page", "127.0.0.1:0", echo)
    running = asyncio.create_task(made.run())
    await made.listening.wait()
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    writer.write(b"GET")
    await until(lambda: made._meetings)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    async with asyncio.timeout(asking.PATIENCE_S):
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()


async def test_an_address_that_is_taken(serve, monkeypatch):
    """It is said once, and had as soon as it is free."""
    monkeypatch.setattr(server, "AGAIN_S", 0.01)
    taken = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    with capture_logs() as logs:
        waiting = asyncio.create_task(serve(listen=f"127.0.0.1:{port}"))
        await until(lambda: logs)
        taken.close()
        await taken.wait_closed()
        async with asyncio.timeout(asking.PATIENCE_S):
            made = await waiting

    assert (await asked(made.port, "/")).status == 200
    assert [(each["event"], each["page"]) for each in logs] == [("http_lost", "page")]


async def test_a_share_of_one_core(monkeypatch):
    """After a burst as much waiting comes with each use as makes the share."""
    now_s, used_s = 0.0, 0.0

    async def sleep(seconds):
        nonlocal now_s
        now_s += seconds

    monkeypatch.setattr(share.asyncio, "sleep", sleep)
    made = Share(lambda: now_s, lambda: used_s)
    for _ in range(100):
        await made.ready()
        with made.spending():
            used_s += 0.02

    assert now_s == pytest.approx((2.0 * share.UNSEEN - share.BURST_S) / share.SHARE, rel=0.03)


async def test_who_asks_without_end_keeps_nobody_out(serve):
    """While all seats are taken by such, each answer is the last of its connection."""
    made = await serve()
    endless = [await asyncio.open_connection("127.0.0.1", made.port) for _ in range(SEATS)]
    for _, writer in endless:
        writer.write(request("GET", "/") * 1000)
    told = [await asked(made.port, "/") for _ in range(3)]
    for _, writer in endless:
        writer.transport.abort()

    assert [each.status for each in told] == [200] * 3
