"""Puts the room together: a server whose pages are read from one gateway."""

from collections.abc import Callable, Mapping

from gateway.health import Health
from gateway.http.server import HttpServer
from gateway.metrics.answers import MetricsAnswers
from gateway.metrics.metric import text
from gateway.metrics.source import Source
from gateway.metrics.table import METRICS


def serving(listen: str, *, source: Callable[[Mapping[str, int]], Source], health: Callable[[], Health]) -> HttpServer:
    """Return a server at `listen`; `source` is given what the server counts of itself."""

    def page() -> bytes:
        return text(METRICS, source({"answered": server.answered, "refused": server.refused}))

    server = HttpServer("metrics", listen, MetricsAnswers(page, health).answer)
    return server
