"""The commands of the page on installing are those that the acceptance runs."""

import re
from pathlib import Path

from nspawn import commands

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/install.md").read_text()
STORY = "".join(path.read_text() for path in (ROOT / "tests/acceptance").glob("test_*.py"))
RUN = set(re.findall(r'commands\(page, "([^"]+)"\)', STORY))


def test_every_section_is_run():
    """No section with commands is left out, and none is asked for that is not there."""
    sections = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)

    assert {section for section in sections if commands(PAGE, section)} == RUN


def test_commands_are_found():
    """A block `sh` is cut into its commands, in their order, as root would type them."""
    assert commands(PAGE, "Remove") == ["apt-get purge -y gridsentinel"]
    assert commands(PAGE, "Without the package")[0] == "apt-get install -y python3-venv"
