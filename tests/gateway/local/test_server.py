"""The status socket: one question, one answer, within bounds, whoever asks."""

import asyncio
import json
import socket
import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.local import server as module
from gateway.local.client import NotRunning, Refused, ask, points
from gateway.local.server import CONNECTIONS, REQUEST_BYTES, SOCKET, NotKnown, StatusServer, short


async def answer(asked, _uid=0):
    if asked.get("ask") != "status":
        raise NotKnown("ask: not status")
    return {"state": "operational", "long": "x" * asked.get("length", 0)}


@pytest.fixture
async def serve(tmp_path):
    """Serve one directory; ended with the test."""
    running = []

    async def serve(folder=tmp_path, said=answer):
        server = StatusServer(folder, said)
        running.append(asyncio.create_task(server.run()))
        await server.listening.wait()
        return server

    yield serve
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def told(path, data):
    """Return what is answered to these bytes."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(data)
    try:
        async with asyncio.timeout(30):
            return await reader.read()
    finally:
        writer.close()


async def test_a_question_and_its_answer(serve, tmp_path):
    """One line each, and the connection ends; the file is for the user and the group."""
    await serve()

    assert json.loads(await told(tmp_path / SOCKET, b'{"ask":"status"}\n')) == {
        "v": 1, "state": "operational", "long": ""
    }  # fmt: skip
    assert stat.S_IMODE((tmp_path / SOCKET).stat().st_mode) == 0o660


@pytest.mark.parametrize(
    "body", [b"\n", b"[]\n", b"\xff\n", b'{"ask":1}\n', b'{"ask"\n', b"x" * REQUEST_BYTES, b"[" * 4000 + b"\n"]
)
async def test_what_is_no_question(serve, tmp_path, body):
    """It is answered with an error in words; one line is read and no more."""
    await serve()

    assert set(json.loads(await told(tmp_path / SOCKET, body))) == {"v", "error"}


async def test_a_long_answer(serve, tmp_path):
    """It arrives whole."""
    await serve()
    answered = await asyncio.to_thread(ask, tmp_path / SOCKET, {"ask": "status", "length": 3_000_000})

    assert len(answered["long"]) == 3_000_000


async def test_who_says_nothing_or_reads_nothing(serve, tmp_path, monkeypatch):
    """He is let go of after a while, and those behind him have their turn."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.5)
    await serve()
    silent = [await asyncio.open_unix_connection(str(tmp_path / SOCKET)) for _ in range(CONNECTIONS - 1)]
    deaf = await asyncio.open_unix_connection(str(tmp_path / SOCKET))
    deaf[1].write(b'{"ask":"status","length":3000000}\n')
    answered = await asyncio.to_thread(ask, tmp_path / SOCKET, {"ask": "status"})

    assert answered["state"] == "operational"
    assert [await reader.read() for reader, _ in silent] == [b""] * len(silent)
    for _, writer in [*silent, deaf]:
        writer.close()


async def test_a_socket_that_was_left_behind(serve, tmp_path):
    """That of a run that was killed is replaced; after an ordinary end there is none."""
    with socket.socket(socket.AF_UNIX) as sock, short(tmp_path) as place:
        sock.bind(str(place / SOCKET))
    with pytest.raises(NotRunning, match="nobody listens at"):
        ask(tmp_path / SOCKET, {"ask": "status"})
    server = StatusServer(tmp_path, answer)
    task = asyncio.create_task(server.run())
    await server.listening.wait()
    assert json.loads(await told(tmp_path / SOCKET, b'{"ask":"status"}\n'))["state"] == "operational"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    with pytest.raises(NotRunning, match="there is no"):
        ask(tmp_path / SOCKET, {"ask": "status"})


async def test_a_socket_that_was_deleted(serve, tmp_path, monkeypatch):
    """It is made anew; a directory that is not there yet is waited for."""
    monkeypatch.setattr(module, "LOOK_S", 0.02)
    folder = tmp_path / "state"
    server = StatusServer(folder, answer)
    task = asyncio.create_task(server.run())
    await asyncio.sleep(0)
    folder.mkdir()
    async with asyncio.timeout(30):
        await server.listening.wait()
        server.listening.clear()
        (folder / SOCKET).unlink()
        await server.listening.wait()

    assert json.loads(await told(folder / SOCKET, b'{"ask":"status"}\n'))["state"] == "operational"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_fault_of_ours(serve, tmp_path):
    """It costs one asker his answer; it is logged once, and the next one is answered."""

    async def faulty(asked, _uid):
        if "fault" in asked:
            raise ZeroDivisionError
        return {}

    with capture_logs() as logs:
        server = await serve(said=faulty)
        assert [await told(tmp_path / SOCKET, b'{"fault":1}\n') for _ in range(2 * CONNECTIONS)] == [
            b""
        ] * 2 * CONNECTIONS
        assert await told(tmp_path / SOCKET, b"{}\n") == b'{"v":1}\n'

    assert [entry["event"] for entry in logs] == ["status_fault"]
    assert server.faults == 2 * CONNECTIONS


async def test_a_long_path(serve, tmp_path):
    """A directory whose name is longer than a unix socket's may be."""
    folder = tmp_path / ("d" * 120) / ("e" * 120)
    folder.mkdir(parents=True)
    await serve(folder)

    assert (await asyncio.to_thread(ask, folder / SOCKET, {"ask": "status"}))["state"] == "operational"


async def test_points_come_in_pieces(serve, tmp_path):
    """The asker puts them together; what the gateway refuses is said in its words."""

    async def some(asked, _uid):
        after = asked.get("after", 0)
        return {"count": 5, "points": {f"p{n}": {} for n in range(after, min(after + 2, 5))}}

    await serve(said=some)
    answered = await asyncio.to_thread(points, tmp_path / SOCKET, "d")
    assert list(answered["points"]) == ["p0", "p1", "p2", "p3", "p4"]
    other = tmp_path / "other"
    other.mkdir()
    await serve(other)
    with pytest.raises(Refused, match="ask: not status"):
        await asyncio.to_thread(points, other / SOCKET, "d")


async def test_no_descriptor_is_kept(serve, tmp_path):
    """However many have asked."""
    await serve()
    before = None
    for _ in range(20):
        await told(tmp_path / SOCKET, b'{"ask":"status"}\n')
        await asyncio.sleep(0.01)
        before = before or descriptors()

    assert descriptors() <= before + 1
