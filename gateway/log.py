"""Logs: state changes only, as text for people, as fields for the journal, or as JSON."""

import logging
import os
import sys
from typing import Any, Final

import structlog

from gateway.config.model import Logging
from gateway.journal import Journal, listens

JOURNAL: Final[list[Journal]] = []
"""The one that is open, if any: a reload goes on with it."""


def set_up(config: Logging) -> None:
    """Send log lines to whoever reads them, in the form that suits: the journal, or standard error."""
    if config.format == "auto" and listens():
        JOURNAL[:] = JOURNAL or [Journal()]
        _configure(config, [structlog.processors.format_exc_info, _fields], JOURNAL[0])
        return
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    renderer: list[Any] = [structlog.dev.ConsoleRenderer(colors=_colours())]
    if config.format == "json":
        renderer = [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    _configure(config, [stamp, *renderer], structlog.WriteLoggerFactory(file=sys.stderr))


def _configure(config: Logging, processors: list[Any], factory: Any) -> None:
    structlog.configure(
        processors=[structlog.processors.add_log_level, *processors],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[config.level.upper()]),
        logger_factory=factory,
    )


def _fields(_logger: Any, _method: str, event: Any) -> tuple[tuple[()], Any]:
    return (), event


def _colours() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ
