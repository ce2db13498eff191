"""One folder a case: what an operator wrote, and exactly what is said about it."""

from pathlib import Path

import pytest

from gateway.config import ConfigError
from gateway.config.loader import load

CASES = Path(__file__).parent / "cases"


def said_of(path: Path) -> str:
    """Return the messages about a configuration, one a line; nothing when it is well."""
    try:
        load(path)
    except ConfigError as error:
        return "".join(f"{fault}\n" for fault in error.faults)
    return ""


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_case(case, monkeypatch):
    """Every fault of a file is named at once: file, line, column, path, what is wrong and what is allowed."""
    monkeypatch.chdir(case)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)

    said = said_of(Path("gateway.yaml"))

    assert said == (case / "expected.txt").read_text()
