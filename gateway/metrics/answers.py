"""GET and HEAD of /metrics and /health, drawn at most once a second: nobody keeps the gateway busy with it."""

import time
from collections.abc import Callable
from typing import Final

import msgspec

from gateway.health import Health
from gateway.http.message import Answer, Question
from gateway.metrics.metric import CONTENT_TYPE

FRESH_S: Final = 1.0
"""A page is given again for so long."""


class MetricsAnswers:
    """Answers with what `metrics` draws, and with the health."""

    def __init__(self, metrics: Callable[[], bytes], health: Callable[[], Health]) -> None:
        self._metrics, self._health = metrics, health
        self._page, self._drawn_s = b"", float("-inf")

    async def answer(self, question: Question) -> Answer:
        """Answer one question."""
        if question.path not in ("/metrics", "/health"):
            return Answer(404, "text/plain", b"only /metrics and /health are here\n")
        if question.method not in ("GET", "HEAD"):
            return Answer(405, "text/plain", b"only GET is answered\n", {"Allow": "GET, HEAD"})
        return self._drawn() if question.path == "/metrics" else self._well()

    def _drawn(self) -> Answer:
        now_s = time.monotonic()
        if now_s - self._drawn_s > FRESH_S:
            self._page, self._drawn_s = self._metrics(), now_s
        return Answer(200, CONTENT_TYPE, self._page)

    def _well(self) -> Answer:
        """Say how the gateway is; 503 when that is critical."""
        health = self._health()
        told = {"state": health.state, "health": health.score, "why": list(health.why)}
        return Answer(503 if health.state == "critical" else 200, "application/json", msgspec.json.encode(told) + b"\n")
