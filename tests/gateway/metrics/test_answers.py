"""The pages of numbers: two paths, drawn once a second, whoever asks."""

import asyncio

import pytest
from asking import asked

from gateway.health import Health
from gateway.http.server import HttpServer
from gateway.metrics.answers import MetricsAnswers

WELL = Health(97, "operational", ("1 of 9 devices do not answer",))


@pytest.fixture
async def serve():
    """Serve on a free port; ended with the test."""
    running = []

    async def serve(page=lambda: b"a 1\n", health=lambda: WELL):
        server = HttpServer("metrics", "127.0.0.1:0", MetricsAnswers(page, health).answer)
        running.append(asyncio.create_task(server.run()))
        await server.listening.wait()
        return server.port

    yield serve
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_the_two_paths(serve):
    """The page with its type, and the health as JSON; a query string is nobody's business."""
    port = await serve()
    page, health = await asked(port, "/metrics?x=1"), await asked(port, "/health")

    assert (page.status, page.body) == (200, b"a 1\n")
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert health.json == {"state": "operational", "health": 97, "why": ["1 of 9 devices do not answer"]}
    assert (await asked(port, "/metrics", method="HEAD")).headers["content-length"] == "4"


async def test_a_critical_gateway(serve):
    """The probe fails, and says why."""
    told = await asked(await serve(health=lambda: Health(3, "critical", ("store: full",))), "/health")

    assert (told.status, told.json["why"]) == (503, ["store: full"])


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/", "GET", 404), ("/metrics/../x", "GET", 404), ("/metrics", "POST", 405)]
)
async def test_nothing_else_is_there(serve, path, method, status):
    """Other paths and methods are refused in words; a Prometheus may know the gateway by any name."""
    assert (await asked(await serve(), path, method=method, headers={"Host": "gw.example"})).status == status


async def test_a_page_is_drawn_once_while_it_is_fresh(serve, monkeypatch):
    """A hundred askers cost one page; later it is drawn again."""
    monkeypatch.setattr("gateway.metrics.answers.FRESH_S", 600.0)
    drawn = []
    port = await serve(page=lambda: drawn.append(1) or b"a 1\n")
    for _ in range(20):
        found = await asyncio.gather(*(asked(port, "/metrics") for _ in range(5)))
        assert {told.body for told in found} == {b"a 1\n"}

    assert len(drawn) == 1
    monkeypatch.setattr("gateway.metrics.answers.FRESH_S", -1.0)
    await asked(port, "/metrics")
    assert len(drawn) == 2
