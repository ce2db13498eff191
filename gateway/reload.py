"""What a reload reads: the configuration that can be taken up while running, or why it is refused."""

import asyncio
from pathlib import Path

import structlog

from gateway.config import Config, ConfigError, Fault
from gateway.config.apart import load_beside
from gateway.store.audit import Audit

log = structlog.get_logger()

FIXED = ("gateway", "uplink", "store")
"""Sections of who the gateway is, its store and its broker: they change only with a restart."""


async def read_anew(path: Path, now: Config, *, audit: Audit, stopping: asyncio.Event) -> Config | None:
    """Return what the file says, in place of `now`; None if it is refused, which is told, or a stop comes first."""
    try:
        new = await _loaded(path, stopping)
        return new and _reloadable(new, now, path)
    except ConfigError as error:
        audit.note("reload", "gateway", outcome="refused", faults=len(error.faults), first=str(error.faults[0]))
        for fault in error.faults:
            log.error("reload_refused", fault=str(fault))  # noqa: TRY400 - the fault is the operator's, not ours
    except OSError as error:  # the other process: no memory for it, or somebody ended it
        audit.note("reload", "gateway", outcome="refused", first=str(error))
        log.error("reload_refused", fault=str(error))  # noqa: TRY400 - nothing of ours to trace
    return None


async def _loaded(path: Path, stopping: asyncio.Event) -> Config | None:
    """Return what the file says now; None if a stop is ordered first."""
    loading = asyncio.create_task(load_beside(path), name="reload")
    stop = asyncio.create_task(stopping.wait(), name="reload:stop")
    await asyncio.wait((loading, stop), return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if loading.done():
        return loading.result()
    loading.cancel()
    await asyncio.wait((loading,))
    return None


def _reloadable(new: Config, old: Config, path: Path) -> Config:
    """Return `new` if it can be taken up while running.

    Raises:
        ConfigError: a section changed that changes only with a restart.
    """
    fixed = [key for key in FIXED if getattr(new, key) != getattr(old, key)]
    if fixed:
        text = f"{' and '.join(fixed)} changed, which needs a restart; everything else is taken up by a reload"
        raise ConfigError((Fault(str(path), 1, 1, fixed[0], text),))
    return new
