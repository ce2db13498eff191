"""Configurations to be tested, from the text of their devices."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config import Config
from gateway.config.loader import load

HEAD = "gateway: {site: s, name: g}\nuplink: {url: mqtt://broker.example, window_s: 1}\ndevices:\n"


@pytest.fixture
def configured(tmp_path: Path) -> Callable[[str], Config]:
    """Load a configuration with these devices."""

    def made(devices: str) -> Config:
        file = tmp_path / "gateway.yaml"
        file.write_text(HEAD + devices)
        return load(file)

    return made
