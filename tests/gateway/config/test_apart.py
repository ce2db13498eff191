"""The configuration comes back from the other process as it was read there."""

from pathlib import Path

import pytest

from gateway.config import ConfigError
from gateway.config.apart import load_apart
from gateway.config.loader import load

CONFIG = Path(__file__).parents[3] / "config"


@pytest.mark.parametrize("name", ["demo.yaml", "gateway.yaml"])
def test_the_same_object(name):
    """What the daemon gets is equal to what the loader makes; equal limits of many points are one object."""
    config = load_apart(CONFIG / name)

    assert config == load(CONFIG / name)
    limits = [point.limits for device in config.devices for point in device.points if point.limits]
    assert len({id(one) for one in limits}) == len(set(limits))


def test_the_same_faults(tmp_path):
    """Faults come back with their places and words."""
    path = tmp_path / "gateway.yaml"
    path.write_text("gateway: {site: s, nam: g}\nuplink: {url: 'mqtt://b', window_s: 0}\n")
    with pytest.raises(ConfigError) as here:
        load(path)
    with pytest.raises(ConfigError) as there:
        load_apart(path)

    assert there.value.faults == here.value.faults


def test_a_process_that_dies(tmp_path, monkeypatch):
    """The end of the other process is an error of its own, not a configuration without faults."""
    monkeypatch.setattr("gateway.begin.PROGRAM", "raise SystemExit(3)")

    with pytest.raises(ChildProcessError, match="ended with code 3"):
        load_apart(tmp_path)
