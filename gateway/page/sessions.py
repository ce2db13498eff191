"""Who has logged in: sessions in RAM, bounded, of which the page knows only hashes; a restart ends them all."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.page.users import User, digest

SESSIONS_MAX: Final = 64
"""Sessions at once; of more, the one that has been silent for longest ends."""
LONGEST_S: Final = 12 * 3600
"""A session ends so long after its login: a shift."""
SILENT_S: Final = 3600
"""And so long after its last question."""


@dataclass(slots=True)
class _Session:
    user: User
    began_s: float
    asked_s: float


class Sessions:
    """Gives keys and knows them again. `clock_s` is monotonic."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._open: dict[bytes, _Session] = {}

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, user: User) -> str:
        """Return the key of a new session."""
        key, now_s = secrets.token_urlsafe(32), self._clock_s()
        if len(self._open) >= SESSIONS_MAX:
            del self._open[next(iter(self._open))]
        self._open[digest(key)] = _Session(user, now_s, now_s)
        return key

    def user(self, key: str) -> User | None:
        """Return whose session it is; None where it is none, or over."""
        mark, now_s = digest(key), self._clock_s()
        session = self._open.pop(mark, None)
        if session is None or now_s - session.began_s > LONGEST_S or now_s - session.asked_s > SILENT_S:
            return None
        session.asked_s = now_s
        self._open[mark] = session
        return session.user

    def end(self, key: str) -> None:
        """End one."""
        self._open.pop(digest(key), None)
