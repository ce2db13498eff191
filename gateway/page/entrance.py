"""Who comes in: by a token, once for a session or with every question; who guesses waits, and is told of.

A session is a cookie that no script can read and no other site can make a browser send. A wrong token is entered in the
audit log, and seen by the cyber checks; an unknown session is not: after a restart every browser has one.
"""

from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Final

from gateway.http.message import Question
from gateway.page.route import Sorry
from gateway.page.sessions import LONGEST_S, Sessions
from gateway.page.source import Source
from gateway.page.throttle import Throttle
from gateway.page.users import TOKEN_BYTES, User, Users
from protocols.model import GATEWAY, EventKind
from protocols.sighting import Sighting

BEARER: Final = "Bearer "


class Entrance:
    """Lets `users` in. `failures` counts wrong tokens."""

    def __init__(self, source: Source, users: Users, address: tuple[str, int], clock_s: Callable[[], float]) -> None:
        self.failures = 0
        self.cookie = f"gridsentinel-{source.identity.name}"
        self._source, self._users, self._address = source, users, address
        self._sessions, self._throttle = Sessions(clock_s), Throttle(clock_s)

    @property
    def sessions(self) -> int:
        """How many sessions are open, or were not heard of since."""
        return len(self._sessions)

    async def user(self, question: Question) -> User:
        """Return who asks.

        Raises:
            Sorry: nobody who is known, or who has guessed too often.
        """
        told = question.headers.get("authorization", "")
        if told.startswith(BEARER):
            return await self.known(told.removeprefix(BEARER), question.peer)
        user = self._sessions.user(self.key(question))
        if user is None:
            raise Sorry(401, "log in first", **{"WWW-Authenticate": "Bearer"})
        return user

    async def known(self, token: str, peer: str) -> User:
        """Return whose token this is.

        Raises:
            Sorry: nobody's, or `peer` has guessed too often.
        """
        wait_s = self._throttle.wait_s(peer)
        if wait_s:
            raise Sorry(429, f"too many wrong tokens: wait {wait_s:.0f} s", **{"Retry-After": f"{wait_s + 1:.0f}"})
        user = self._users.of(token[:TOKEN_BYTES])
        if user is None:
            await self._failed(peer)
            raise Sorry(401, "this token is nobody's", **{"WWW-Authenticate": "Bearer"})
        return user

    async def login(self, token: str, peer: str) -> tuple[User, str]:
        """Return who has come in, and the cookie that says so from now on.

        Raises:
            Sorry: as `known`.
        """
        user = await self.known(token, peer)
        self._source.note_login(user.name, peer, done=True)
        return user, self._cookie(self._sessions.begin(user), LONGEST_S)

    def logout(self, key: str) -> str:
        """End a session, and return the cookie that forgets it."""
        self._sessions.end(key)
        return self._cookie("", 0)

    def key(self, question: Question) -> str:
        """Return the key of the session that a question bears, empty where it bears none."""
        try:
            morsel = SimpleCookie(question.headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return ""
        return morsel.value if morsel is not None else ""

    def _cookie(self, key: str, lasts_s: int) -> str:
        return f"{self.cookie}={key}; Path=/; Max-Age={lasts_s}; HttpOnly; SameSite=Strict"

    async def _failed(self, peer: str) -> None:
        self.failures += 1
        self._throttle.failed(peer)
        self._source.note_login("unknown", peer, done=False)
        host, port = self._address
        seen = Sighting(
            GATEWAY,
            EventKind.SECURITY,
            "a token that is nobody's",
            self._source.now_ns,
            source=peer,
            target=host,
            port=port,
            protocol="http",
            function="login",
            live=True,
        )
        await self._source.put(seen)
