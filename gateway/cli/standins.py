"""`gridsentinel simulate --from FILE`: a copy of exactly the configured devices, and a configuration that polls it."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gateway.cli.loaded import loaded
from gateway.config import Config
from gateway.fat.copied import redirected, spoken, subjects, text, untold
from simulator.standin.copy import serve

OK, FAILED, BAD_CONFIGURATION = 0, 1, 78
BROKER, STATE = "mqtt://127.0.0.1:1883", Path("simulated-state")
"""The copy must meet neither the broker nor the store of the real gateway, whose name it has."""
HEAD = """\
# {source} with the urls of simulated devices, complete in itself: profiles, SCL files and included files are in it.
# Its broker and state_dir are not those of the real gateway; links are without TLS, certificates and passwords.

"""


def run(source: Path, output: Path | None, *, host: str, port: int) -> int:
    """Serve until Ctrl-C or SIGTERM; return the exit code."""
    config = loaded(source)
    if config is None:
        return BAD_CONFIGURATION
    try:
        asyncio.run(_serve(config, source, output, host, port))
    except OSError as error:
        print(error, file=sys.stderr)
        return FAILED
    return OK


async def _serve(config: Config, source: Path, output: Path | None, host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve(spoken(config.devices, subjects(config)), host=host, base_port=port) as copy:
        pointing = HEAD.format(source=source) + text(_pointing(config, copy.places, host))
        if output is None:
            print(pointing, end="", flush=True)
        else:
            await asyncio.to_thread(output.write_text, pointing, encoding="utf-8")
        _introduce(config, copy.places, output)
        await stop.wait()


def _pointing(config: Config, places: Mapping[str, int | str], host: str) -> Config:
    """Return the configuration with the devices that are served, a broker of this machine, and a store of its own."""
    uplink = replace(
        config.uplink, url=BROKER, username=None, password_file=None, ca_file=None, cert_file=None, key_file=None
    )
    gateway = replace(config.gateway, state_dir=STATE)
    return replace(config, gateway=gateway, uplink=uplink, include=(), devices=redirected(config.devices, places, host))


def _introduce(config: Config, places: Mapping[str, int | str], output: Path | None) -> None:
    """Say what is served and what is not, where it does not mix with the configuration."""
    count = sum(len(device.points) for device in config.devices if not untold(device))
    print(f"{count} points at {len(places)} endpoints; Ctrl-C ends it", file=sys.stderr)
    for device, why in ((device, why) for device in config.devices if (why := untold(device))):
        print(f"  not {device.name}: {why}", file=sys.stderr)
    if output is not None:
        print(f"  gridsentinel run {output}", file=sys.stderr, flush=True)
