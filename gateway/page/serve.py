"""Puts the room together: the page of one gateway, served where its configuration says."""

import asyncio
import time

from gateway.config.model import LocalPage
from gateway.http.server import HttpServer
from gateway.page import users
from gateway.page.api import Api
from gateway.page.door import Door
from gateway.page.entrance import Entrance
from gateway.page.files import Files
from gateway.page.openapi import document
from gateway.page.routes import ROUTES
from gateway.page.source import Source


class Page:
    """Serves the page of `source`. `server` and `entrance` are there while it does; `task` is to be ended at a stop."""

    def __init__(self, source: Source) -> None:
        self.server: HttpServer | None = None
        self.entrance: Entrance | None = None
        self.task: asyncio.Task[None] | None = None
        self._source, self._files = source, Files()
        self._served: tuple[LocalPage, users.Users] | None = None

    async def serve(self, page: LocalPage | None, group: asyncio.TaskGroup) -> None:
        """Serve `page`, with its tokens as they are now, in place of what was served before; sessions end with it."""
        wanted = None if page is None else (page, await asyncio.to_thread(users.read, page.users))
        if wanted == self._served:
            return
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait((self.task,))  # its port may be wanted again
        self.server = self.entrance = self.task = None
        self._served = wanted
        if wanted is not None:
            self.server = self._made(*wanted)
            self.task = group.create_task(self.server.run(), name="page")

    def _made(self, page: LocalPage, known: users.Users) -> HttpServer:
        host, _, port = page.listen.rpartition(":")
        entrance = Entrance(self._source, known, (host.strip("[]"), int(port)), time.monotonic)
        api = Api(self._source, entrance, lambda: document(ROUTES, entrance.cookie))
        self.entrance = entrance
        return HttpServer("page", page.listen, Door(api, entrance, self._files, ROUTES, page.hosts).answer)
