"""Run the gateway on a configuration file, until it is stopped."""

import argparse
import asyncio
import os
import signal
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.app import Gateway
    from gateway.config import Config

FAILED, EX_CONFIG = 1, 78
"""sysexits.h: systemd does not restart on 78."""
END_S = 9.0
"""How long an end may take: 7 s with a disk that hangs, and systemd waits for 10 s."""
JOIN_S = 0.1
"""How long a thread that was told to end may take; one that hangs takes for ever."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", type=Path, help="configuration file (YAML)")


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    os.umask(0o077)  # what it keeps is nobody else's
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no matrix here is worth a second thread and its stack
    os.environ["GRIDSENTINEL_PLAIN"] = "1"
    for useless in ("rich", "socks"):  # structlog would take 4 MB with the first, and paho ask a proxy with the second
        sys.modules.setdefault(useless, None)  # type: ignore[arg-type]
    # without proxies paho does not use it, and it is a whole HTTP client with its mail headers: 2.6 MB
    sys.modules.setdefault("urllib.request", ModuleType("urllib.request"))
    from gateway.begin import begin  # noqa: PLC0415 - after the environment is set

    reading = begin(arguments.file)  # on another core, while all of this is loaded
    from gateway import app  # noqa: F401, PLC0415
    from gateway.config import ConfigError  # noqa: PLC0415
    from gateway.config.apart import load_apart  # noqa: PLC0415

    try:
        config = load_apart(arguments.file, reading)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EX_CONFIG
    except ChildProcessError as error:
        print(error, file=sys.stderr)
        return FAILED
    return _serve(arguments.file, config)


def _serve(path: Path, config: "Config") -> int:
    from gateway import log  # noqa: PLC0415
    from gateway.app import Gateway  # noqa: PLC0415
    from gateway.loop import Loop  # noqa: PLC0415
    from gateway.store.files import StoreBusy  # noqa: PLC0415
    from gateway.store.schema import StoreTooNew  # noqa: PLC0415

    log.set_up(config.log)
    try:
        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.run(_until_signalled(Gateway(path, config)))
    except StoreBusy as error:
        print(error, file=sys.stderr)
        return FAILED
    except StoreTooNew as error:  # trying again does not make this program newer
        print(error, file=sys.stderr)
        return EX_CONFIG
    _leave_the_hung()
    return 0


def _leave_the_hung() -> None:
    """End here and now if a thread hangs in a disk that does not answer: the interpreter would wait for it for ever."""
    others = [thread for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]
    for thread in others:
        thread.join(JOIN_S)
    if any(thread.is_alive() for thread in others):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


async def _until_signalled(gateway: "Gateway") -> None:
    """SIGTERM and SIGINT stop, SIGHUP reloads."""
    loop = asyncio.get_running_loop()
    from gateway.orders import Order  # noqa: PLC0415

    for number, order in ((signal.SIGTERM, Order.STOP), (signal.SIGINT, Order.STOP), (signal.SIGHUP, Order.RELOAD)):
        loop.add_signal_handler(number, gateway.order, order)
    watching = asyncio.create_task(_end_at_last(gateway.ending), name="end")
    try:
        await gateway.run()
    finally:
        watching.cancel()


async def _end_at_last(ending: asyncio.Event) -> None:
    """End the process END_S after its end has begun, and say what did not: nothing half may live on unseen."""
    await ending.wait()
    await asyncio.sleep(END_S)
    import structlog  # noqa: PLC0415 - after the environment is set

    left = sorted({task.get_name() for task in asyncio.all_tasks()} - {"end"})
    log = structlog.get_logger()
    log.error("stop_overdue", tasks=left)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(FAILED)
