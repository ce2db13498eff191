"""Who may ask: users of the configuration by their tokens, of which only hashes are kept."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from gateway.config.model import PageUser

TOKEN_BYTES: Final = 1024
"""Longest token."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who has shown a token."""

    name: str
    may_operate: bool

    @property
    def may(self) -> str:
        """The word of the configuration."""
        return "operate" if self.may_operate else "read"


@dataclass(frozen=True, slots=True)
class Users:
    """All users, by the SHA-256 of their tokens: these are long and random, so a slow hash would add nothing."""

    known: tuple[tuple[bytes, User], ...]

    def of(self, token: str) -> User | None:
        """Return whose token this is. It takes the same time whoever it is, and if it is nobody."""
        shown, found = digest(token), None
        for mark, user in self.known:
            if hmac.compare_digest(mark, shown):
                found = user
        return found


def read(users: Sequence[PageUser]) -> Users:
    """Read the tokens; a user whose file cannot be read stays out, which is logged."""
    known = []
    for user in users:
        try:
            with user.token_file.open(encoding="utf-8") as file:
                token = file.read(TOKEN_BYTES + 1).strip()
        except (OSError, ValueError) as error:
            log.warning("page_user_lost", user=user.name, reason=type(error).__name__)
        else:
            known.append((digest(token), User(user.name, user.may == "operate")))
    return Users(tuple(known))


def digest(token: str) -> bytes:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).digest()
