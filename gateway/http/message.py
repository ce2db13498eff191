"""What is asked over HTTP, and what goes back."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

NO_BODY = (204, 304)
"""Answers without a body, and without a length of it (RFC 9110, 8.6)."""
ALWAYS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What a browser is told with every answer, unless that answer says otherwise."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request. `path` and `query` are as they came, nothing in them is decoded; names of `headers` are lower."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    peer: str
    """Address of who asks."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One response."""

    status: int
    kind: str = ""
    body: bytes = b""
    headers: Mapping[str, str] | None = None

    @property
    def reason(self) -> str:
        """The word for `status`."""
        return HTTPStatus(self.status).phrase

    def head(self) -> list[tuple[str, str]]:
        """Return its headers."""
        told = {**ALWAYS, **(self.headers or {})}
        if self.status not in NO_BODY:
            told |= {"Content-Type": self.kind, "Content-Length": str(len(self.body))}
        return list(told.items())
