"""Run the gateway on a configuration file, until it is stopped."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

EX_CONFIG = 78
"""sysexits.h: systemd does not restart on it."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", type=Path, help="configuration file (YAML)")


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no matrix here is worth a second thread and its 8 MiB stack
    from gateway.config import ConfigError, load  # noqa: PLC0415 - after the environment is set

    try:
        config = load(arguments.file)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EX_CONFIG
    return _serve(arguments.file, config)


def _serve(path: Path, config: object) -> int:
    from gateway import log  # noqa: PLC0415
    from gateway.app import Gateway  # noqa: PLC0415
    from gateway.config import Config  # noqa: PLC0415

    assert isinstance(config, Config)
    log.set_up(config.log)
    asyncio.run(Gateway(path, config).run())
    return 0
