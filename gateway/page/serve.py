"""Puts the room together: the page of one gateway, served where its configuration says."""

import asyncio
import time
from collections.abc import Mapping

from gateway.config.model import LocalPage
from gateway.following import Following
from gateway.http.server import HttpServer
from gateway.local.server import Answer
from gateway.page import users
from gateway.page.api import Api
from gateway.page.door import Door
from gateway.page.entrance import Entrance
from gateway.page.files import Files
from gateway.page.openapi import document
from gateway.page.routes import ROUTES
from gateway.page.source import Source
from gateway.running import Running


class Page:
    """The page of one gateway, whose `report` answers what the status socket answers.

    `server` and `entrance` are there while it is served.
    """

    def __init__(self, running: Running, report: Answer) -> None:
        self.server: HttpServer | None = None
        self.entrance: Entrance | None = None
        self._source, self._files = Source(running, report), Files()
        self._serving = Following("page", self._serve)

    async def serve(self, page: LocalPage | None, group: asyncio.TaskGroup) -> None:
        """Serve `page`, with its tokens as they are now, in place of what was served before; sessions end with it."""
        wanted = None if page is None else (page, await asyncio.to_thread(users.read, page.users))
        await self._serving.follow(wanted, group)

    def counted(self) -> Mapping[str, int]:
        """Return what is counted since it is served, nothing where it is not."""
        if self.server is None or self.entrance is None:
            return {}
        return {
            "local_answered": self.server.answered,
            "local_refused": self.server.refused,
            "local_sessions": self.entrance.sessions,
            "local_failures": self.entrance.failures,
        }

    async def close(self) -> None:
        """Serve no more, and give the port back."""
        await self._serving.close()

    async def _serve(self, wanted: tuple[LocalPage, users.Users]) -> None:
        self.server = self._made(*wanted)
        try:
            await self.server.run()
        finally:
            self.server = self.entrance = None
            self._source.close()

    def _made(self, page: LocalPage, known: users.Users) -> HttpServer:
        host, _, port = page.listen.rpartition(":")
        entrance = Entrance(self._source, known, (host.strip("[]"), int(port)), time.monotonic)
        api = Api(self._source, entrance, lambda: document(ROUTES, entrance.cookie))
        self.entrance = entrance
        return HttpServer("page", page.listen, Door(api, entrance, self._files, ROUTES, page.hosts).answer)
