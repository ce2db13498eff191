"""The keys of Sparkplug B, and the package that it needs."""

import subprocess
import sys

import pytest

from gateway.config import ConfigError, loader, model

HEAD = "gateway: {site: a, name: b}\nuplink: {url: mqtt://h"


def faults(tmp_path, rest):
    path = tmp_path / "gateway.yaml"
    path.write_text(HEAD + rest + "}\n")
    with pytest.raises(ConfigError) as error:
        loader.load(path)
    return [str(fault).removeprefix(str(path)) for fault in error.value.faults]


def test_a_primary_host_is_for_sparkplug(tmp_path):
    """JSON knows no host that must be there."""
    assert faults(tmp_path, ", primary_host: scada") == [
        ":2:39: uplink.primary_host: primary_host needs format: sparkplug_b"
    ]


@pytest.mark.parametrize("name", ["a/b", "a+", "#", ""])
def test_a_primary_host_is_a_level_of_a_topic(tmp_path, name):
    """Its name stands in a topic."""
    assert "uplink.primary_host" in faults(tmp_path, f", format: sparkplug_b, primary_host: '{name}'")[0]


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    """Without protobuf the configuration is refused, and says what to install."""
    monkeypatch.setattr(model, "find_spec", lambda _: None)

    assert "pip install 'gridsentinel[sparkplug]'" in faults(tmp_path, ", format: sparkplug_b")[0]


def test_json_does_not_load_it():
    """A gateway that speaks JSON carries no protobuf."""
    code = "import sys, gateway.app; assert not [name for name in sys.modules if name.startswith('google')]"

    subprocess.run([sys.executable, "-c", code], check=True)
