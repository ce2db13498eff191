"""The way of a question: whether it may be asked at all, who asks, what is asked, and then its answer.

Host        an address, localhost or a configured name: a page of elsewhere, whose name was made to lead here, has
            another (DNS rebinding)
Origin      our own wherever something changes, so that no other site can let a browser do it (CSRF)
X-GridSentinel   likewise with commands on alarms: a form cannot send it
"""

import time
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Final

import msgspec

from gateway.http.message import Answer, Question
from gateway.page.api import Api
from gateway.page.entrance import Entrance
from gateway.page.files import Files
from gateway.page.route import Asked, Route, Sorry
from gateway.page.said import Fault

JSON: Final = "application/json"
FRESH_S: Final = 0.5
"""An answer is given again for so long, however often it is asked for."""
FRESH_MAX: Final = 16
"""Answers that are kept for that; the oldest goes."""
API: Final = "/api/"
READS: Final = ("GET", "HEAD")


class Door:
    """Answers questions by the table `routes`."""

    def __init__(
        self, api: Api, entrance: Entrance, files: Files, routes: Sequence[Route], hosts: Sequence[str]
    ) -> None:
        self._api, self._entrance, self._files = api, entrance, files
        self._hosts = frozenset((*hosts, "localhost"))
        self._routes: dict[str, dict[str, Route]] = {}
        for route in routes:
            self._routes.setdefault(route.path, {})[route.method] = route
        self._fresh: dict[tuple[str, str], tuple[float, bytes]] = {}

    async def answer(self, question: Question) -> Answer:
        """Answer one question."""
        try:
            self._check_host(question.headers.get("host", ""))
            if not question.path.startswith(API):
                return self._file(question)
            return await self._said(question)
        except Sorry as sorry:
            return Answer(sorry.status, JSON, msgspec.json.encode(Fault(error=str(sorry))), sorry.headers)

    def _file(self, question: Question) -> Answer:
        found = self._files.answer(question)
        if found is None:
            raise Sorry(404, "there is no such page")
        return found

    async def _said(self, question: Question) -> Answer:
        methods = self._routes.get(question.path, {})
        route = methods.get("GET" if question.method == "HEAD" else question.method)
        user = None if route is not None and route.may == "anybody" else await self._entrance.user(question)
        if route is None:
            raise _nowhere(methods)
        if question.method not in READS:
            self._check_origin(question, route)
        if route.may == "operate" and not (user and user.may_operate):
            raise Sorry(403, "you may look, and not operate: `may` of your user says so")
        asked = Asked(
            user, question.peer, self._entrance.key(question), route.query(question.query), route.read(question.body)
        )
        if question.method in READS:
            return await self._read(question, route, asked)
        self._fresh.clear()
        return _answered(await route.answer(self._api, asked))

    async def _read(self, question: Question, route: Route, asked: Asked) -> Answer:
        mark = f'"{self._api.revision}"' if route.lasting else ""
        headers = {"ETag": mark, "Cache-Control": "no-cache"} if mark else None
        if mark and question.headers.get("if-none-match") == mark:
            return Answer(304, headers=headers)
        if route.personal:
            return _answered(await route.answer(self._api, asked))
        key, now_s = (question.path, question.query), time.monotonic()
        drawn_s, body = self._fresh.get(key, (float("-inf"), b""))
        if now_s - drawn_s > FRESH_S:
            body = encoded(await route.answer(self._api, asked))
            self._fresh.pop(key, None)
            self._fresh[key] = now_s, body
            if len(self._fresh) > FRESH_MAX:
                del self._fresh[next(iter(self._fresh))]
        return Answer(200, JSON, body, headers)

    def _check_host(self, host: str) -> None:
        """Refuse names that are not ours.

        Raises:
            Sorry: it is one.
        """
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        try:
            ip_address(name.strip("[]"))
        except ValueError:
            if name.lower() not in self._hosts:
                raise Sorry(421, "host: not an address, localhost or one of page.hosts") from None

    def _check_origin(self, question: Question, route: Route) -> None:
        """Refuse what another site may have let a browser send.

        Raises:
            Sorry: it may.
        """
        origin, host = question.headers.get("origin"), question.headers.get("host", "")
        own = origin is not None and origin.partition("://")[2] == host
        bears = "authorization" in question.headers or route.may == "anybody"
        if not own and (origin is not None or not bears):
            raise Sorry(403, "origin: not this page")
        if route.may == "operate" and question.headers.get("x-gridsentinel") != "1":
            raise Sorry(403, "the header X-GridSentinel: 1 is needed")


def encoded(told: Any) -> bytes:
    """Return an answer as JSON; what the status socket says, too, bears the version."""
    return msgspec.json.encode({"v": 1, **told} if isinstance(told, Mapping) else told)


def _answered(told: Any) -> Answer:
    return told if isinstance(told, Answer) else Answer(200, JSON, encoded(told))


def _nowhere(methods: Mapping[str, Route]) -> Sorry:
    if not methods:
        return Sorry(404, "there is no such path: GET /api/v1/openapi.json lists them all")
    return Sorry(405, f"allowed are {', '.join(sorted(methods))}", Allow=", ".join(sorted(methods)))
