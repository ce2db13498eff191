"""A configuration in a folder of its own, and what is said about it."""

from pathlib import Path

import pytest

from gateway.config import ConfigError
from gateway.config.loader import load


@pytest.fixture
def said(tmp_path, monkeypatch):
    """Return a function: the faults of a configuration text, as lines; none when it is well."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)

    def check(text):
        Path("gateway.yaml").write_text(text)
        try:
            load(Path("gateway.yaml"))
        except ConfigError as error:
            return [str(fault) for fault in error.faults]
        return []

    return check
