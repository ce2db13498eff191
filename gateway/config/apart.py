"""Loads a configuration in a process of its own, so that the memory of reading and checking it goes with that process.

The daemon itself neither imports the loader nor keeps its leavings: 10 MB less for 10,000 points, and a reload leaves
nothing behind. What comes back is the frozen object, or the faults.
"""

import os
import pickle
import subprocess
import sys
from pathlib import Path

from gateway.config.fault import ConfigError
from gateway.config.model import Config
from protocols.settings import PLAIN

PROGRAM = "import sys; from gateway.config.apart import answer; answer(sys.argv[1])"


def load_apart(path: Path) -> Config:
    """Return the configuration in the file `path`.

    Raises:
        ConfigError: everything that is wrong with it.
        ChildProcessError: the other process died, which says why on standard error.
    """
    command = [sys.executable, "-P", "-c", PROGRAM, str(path)]
    checking = {key: value for key, value in os.environ.items() if key != PLAIN}
    done = subprocess.run(  # noqa: S603 - our own interpreter and words
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=checking, check=False
    )
    if done.returncode:
        raise ChildProcessError(f"reading {path} ended with code {done.returncode}")
    answered = pickle.loads(done.stdout)  # noqa: S301 - our own process wrote it
    if isinstance(answered, Config):
        return answered
    raise ConfigError(answered)


def answer(path: str) -> None:
    """Write the configuration, or the faults, to standard output; in the other process."""
    from gateway.config.loader import load  # noqa: PLC0415 - the point of it all: only here

    try:
        answered: object = load(Path(path))
    except ConfigError as error:
        answered = error.faults
    sys.stdout.buffer.write(pickle.dumps(answered, protocol=pickle.HIGHEST_PROTOCOL))
