"""The section of the collector: which urls are one, and where its headers may go."""

import pytest

from gateway.config import ConfigError
from gateway.config.loader import load


def section(tmp_path, **keys):
    file = tmp_path / "gateway.yaml"
    told = "".join(f"  {key}: {value!r}\n" for key, value in keys.items())
    file.write_text(f"gateway: {{site: s, name: g}}\nuplink: {{url: mqtt://h}}\notel:\n{told}")
    return load(file).otel


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("http://c", ("c", 4318, "/v1/metrics")),
        ("https://c.example:443/", ("c.example", 443, "/v1/metrics")),
        ("http://[::1]:4318/otlp/v1/metrics?x=1", ("::1", 4318, "/otlp/v1/metrics?x=1")),
    ],
)
def test_where_it_is(tmp_path, url, where):
    """Port and path of the standard where none is given."""
    found = section(tmp_path, url=url)

    assert (found.host, found.port, found.path) == where


@pytest.mark.parametrize("url", ["c:4318", "grpc://c:4317", "http://", "http://c:0", "http://c:70000", "http://c/a b"])
def test_no_url(tmp_path, url):
    """It is refused, with an example."""
    with pytest.raises(ConfigError, match="is not http://HOST:PORT/PATH"):
        section(tmp_path, url=url)


def test_no_secret_in_the_url(tmp_path):
    """It belongs into a file."""
    with pytest.raises(ConfigError, match="use headers_file"):
        section(tmp_path, url="https://me:secret@c")


@pytest.mark.parametrize(
    ("url", "mode", "match"),
    [
        ("http://c.example", 0o600, "headers_file needs an https:// url"),
        ("https://c.example", 0o644, "lets others at the secret"),
    ],
)
def test_headers_stay_secret(tmp_path, url, mode, match):
    """On the wire, and on the disk."""
    file = tmp_path / "headers"
    file.write_text("A: b\n")
    file.chmod(mode)
    with pytest.raises(ConfigError, match=match):
        section(tmp_path, url=url, headers_file=str(file))


@pytest.mark.parametrize("url", ["http://127.0.0.1:4318", "http://localhost", "https://c.example"])
def test_where_headers_may_go(tmp_path, url):
    """To this computer, or under TLS."""
    file = tmp_path / "headers"
    file.write_text("A: b\n")
    file.chmod(0o600)

    assert section(tmp_path, url=url, headers_file=str(file)).headers_file == file
