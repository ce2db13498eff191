"""Logs: state changes only, as text for people and as JSON for the journal."""

import logging
import os
import sys

import structlog

from gateway.config.model import Logging


def set_up(config: Logging) -> None:
    """Send log lines to standard error, in the form that suits its reader."""
    machine = config.format == "json" or (config.format == "auto" and "JOURNAL_STREAM" in os.environ)
    renderer = structlog.processors.JSONRenderer() if machine else structlog.dev.ConsoleRenderer(colors=_colours())
    tracebacks = [structlog.processors.dict_tracebacks] if machine else []
    level = logging.getLevelNamesMapping()[config.level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *tracebacks,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )


def _colours() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ
