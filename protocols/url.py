"""Where a device is on a network, as a url says it: SCHEME://HOST:PORT, the same for every protocol."""

from collections.abc import Mapping
from urllib.parse import urlsplit


def network_url(text: str, ports: Mapping[str, int], *, told: str, path: bool = False) -> str:
    """Return `text` if it names a host and a port by a scheme of `ports`: the port where it has none, 0 where it must.

    `told` ends the sentence "url 'TEXT' is ..."; with `path` something may follow the port.

    Raises:
        ValueError: says what is wrong and what is allowed.
    """
    parts = urlsplit(text)
    more = parts.query or parts.fragment or "@" in parts.netloc or (parts.path and not path)
    if parts.scheme not in ports or not parts.hostname or more:
        raise ValueError(f"url '{text}' is {told}")
    try:
        port = ports[parts.scheme] if parts.port is None else parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError(f"url '{text}' has no port from 1 to 65535")
    return text


def host_and_port(url: str, ports: Mapping[str, int]) -> tuple[str, int]:
    """Return where a url leads that `network_url` has accepted."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or ports[parts.scheme]
