"""Where the files that travel with the code are: in a checkout, or in the shared data of an installation."""

import sysconfig
from pathlib import Path


def config_folder() -> Path:
    """Return the folder of the sample configurations.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    checkout = Path(__file__).parent.parent / "config"
    installed = Path(sysconfig.get_path("data")) / "share" / "gridsentinel" / "config"
    for folder in (checkout, installed):
        if (folder / "demo.yaml").is_file():
            return folder
    raise FileNotFoundError(f"neither {checkout} nor {installed} has the sample configurations: install again")
