"""Section `otel`: where the numbers of the gateway are pushed to."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from protocols.settings import AfterValidator, Fault, Field, settings

OTLP_PORT = 4318
"""Of OTLP over HTTP, with TLS and without."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
A_URL = re.compile(r"https?:[\x21-\x7e]+")
"""Visible characters of ASCII: nothing else may stand in a request."""


def _collector_url(text: str) -> str:
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or not A_URL.fullmatch(text):
        raise ValueError(f"url '{text}' is not http://HOST:PORT/PATH or https://HOST:PORT/PATH")
    if parts.username or parts.password:
        raise ValueError("no user or password in the url: use headers_file")
    return text


@settings
class OtelExport:
    """Section `otel`: the numbers of `metrics` pushed to an OpenTelemetry collector, OTLP over HTTP; off without it."""

    url: Annotated[str, AfterValidator(_collector_url)]
    """http://HOST:PORT/PATH or https://HOST:PORT/PATH; port 4318 and path /v1/metrics by default."""
    every_s: float = Field(default=60.0, ge=1, le=3600)
    """How often; seconds."""
    timeout_s: float = Field(default=10.0, ge=1, le=60)
    """How long one push may take, from the connection to the answer; seconds."""
    ca_file: Path | None = None
    """Certificate authorities (PEM) for https; the system's by default."""
    headers_file: Path | None = None
    """File with headers, one `Name: value` a line, such as a token; readable by this service only."""

    @property
    def tls(self) -> bool:
        """Whether the collector is reached by TLS."""
        return self.url.startswith("https")

    @property
    def host(self) -> str:
        """The collector's host."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The collector's port."""
        return urlsplit(self.url).port or OTLP_PORT

    @property
    def path(self) -> str:
        """Path and query of the url."""
        parts = urlsplit(self.url)
        return (parts.path.rstrip("/") or "/v1/metrics") + (f"?{parts.query}" if parts.query else "")

    def faults(self) -> Iterator[Fault]:
        """Yield what only shows between keys."""
        if self.ca_file is not None and not self.tls:
            yield ("ca_file",), "ca_file needs an https:// url"
        if self.headers_file is not None and not self.tls and self.host not in LOOPBACK:
            yield ("headers_file",), "headers_file needs an https:// url, or a collector on this computer"

    @property
    def secret_files(self) -> tuple[str, ...]:
        """Keys of files that only this service may read."""
        return ("headers_file",)
