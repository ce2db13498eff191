"""The configuration of a command that needs no more than one that is well."""

import sys
from pathlib import Path

from gateway.config import Config, ConfigError
from gateway.config.loader import load


def loaded(path: Path) -> Config | None:
    """Return what the file at `path` says; None when it is no configuration, which is told."""
    try:
        return load(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return None
