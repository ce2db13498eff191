"""A library between a process and the C library, which records or spoils what it does to its files."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("shim.c")


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    """Return what makes the environment of a process that is looked at; compiled once."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl", "-lpthread"], check=True)

    def environment(directory, **settings):
        return {**os.environ, "LD_PRELOAD": str(library), "SHIM_DIR": str(directory), **settings}

    return environment
