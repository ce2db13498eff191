"""The address of the page of numbers: what is one, and what is none."""

import pytest

from gateway.config import ConfigError
from gateway.config.loader import load


def section(tmp_path, listen):
    file = tmp_path / "gateway.yaml"
    file.write_text(f"gateway: {{site: s, name: g}}\nuplink: {{url: mqtt://h}}\nmetrics: {{listen: '{listen}'}}\n")
    return load(file).metrics


@pytest.mark.parametrize("listen", ["127.0.0.1:9200", "[::1]:9200", "0.0.0.0:1", "gw1.example:65535", "127.0.0.1:0"])
def test_an_address(tmp_path, listen):
    """As it is written, IPv6 in brackets."""
    assert section(tmp_path, listen).listen == listen


@pytest.mark.parametrize(
    "listen", ["9200", ":9200", "127.0.0.1", "::1:9200", "[127.0.0.1]:9200", "h:65536", "h:x", "h:-1"]
)
def test_no_address(tmp_path, listen):
    """It is refused, with an example."""
    with pytest.raises(ConfigError, match=r"such as 127\.0\.0\.1:9200|over 65535"):
        section(tmp_path, listen)


def test_without_the_section(tmp_path):
    """There is no page."""
    file = tmp_path / "gateway.yaml"
    file.write_text("gateway: {site: s, name: g}\nuplink: {url: mqtt://h}\n")

    assert load(file).metrics is None
