"""The worked examples of docs/adding-*.md, applied to a copy of the repository and run there."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "gateway",
    "protocols",
    "detectors",
    "simulator",
    "config",
    "tests/gateway/config",
    "tests/protocols",
    "tests/support",
)
WITHOUT_PYDANTIC = """
import os
os.environ["GRIDSENTINEL_PLAIN"] = "1"
import sys, gateway.config.model
assert "pydantic" not in sys.modules
"""
"""What the running daemon relies on."""
UNION = "AnyDetector: TypeAlias = Annotated["


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy what the examples add to."""
    for folder in COPIED:
        ignored = shutil.ignore_patterns("__pycache__", "cases")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.fixture
def example(every_block, copy):
    """Return a function: the blocks of a page by their first line; those that are whole files are written already."""

    def apply(page: str) -> dict[str, str]:
        found = {}
        for block in every_block:
            if block.page == page and block.of_example:
                first, text = block.text.split("\n", 1)
                found[first.removeprefix("# ")] = text
        for first, text in found.items():
            target = copy / first.removeprefix("instead of ")
            if first.endswith(".py") and not first.startswith("add to "):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
        return found

    return apply


def run(folder: Path, *words: str) -> str:
    """Run python in the copy, and return what it said; it must go well."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "MYPYPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pytest_words(*words: str) -> Sequence[str]:
    return ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *words)


def cli(*words: str) -> Sequence[str]:
    return ("-c", "import sys; from gateway.cli import main; sys.exit(main(sys.argv[1:]))", *words)


def replaced(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{file.name} has '{old}' {text.count(old)} times"
    file.write_text(text.replace(old, new))


def test_the_detector_of_the_page_works(copy, example):
    """A file, a line, a test and a section are all it takes; gateway.yaml still shows every key."""
    blocks = example("adding-a-detector.md")
    line = blocks["add to detectors/config.py"]
    imported = re.search(r"^from .*$", line, re.MULTILINE)
    added = re.search(r"Annotated\[(\w+ \| )\.\.\.", line)
    union = copy / "detectors/config.py"
    replaced(union, "from detectors.comm_lost", f"{imported[0]}\nfrom detectors.comm_lost")
    replaced(union, UNION, f"{UNION}{added[1]}")
    sample = copy / "config/gateway.yaml"
    sample.write_text(sample.read_text().rstrip("\n") + "\n\n" + blocks["add to config/gateway.yaml"])

    run(copy, *pytest_words("tests/detectors", "tests/gateway/config/test_samples.py"))

    run(copy, "-c", WITHOUT_PYDANTIC)
    assert "backwards" in run(copy, *cli("check", "config/gateway.yaml"))


def test_the_protocol_of_the_page_works(copy, example):
    """A folder, a line in the union, a simulator file and a line in the contract suite are all it takes."""
    blocks = example("adding-a-protocol.md")
    replaced(copy / "tests/protocols/contract/conftest.py", '"modbus"]', '"modbus", "textmeter"]')
    fixtures = copy / "tests/protocols/conftest.py"
    fixtures.write_text(f"{fixtures.read_text()}\n\n{blocks['add to tests/protocols/conftest.py']}")
    (copy / "gateway.yaml").write_text(blocks["gateway.yaml of the example"])

    run(copy, *pytest_words("tests/protocols/contract", "-k", "textmeter", "-m", "not slow"))

    run(copy, "-c", WITHOUT_PYDANTIC)
    assert "1 point of 1 device" in run(copy, *cli("check", "gateway.yaml"))


@pytest.mark.slow
@pytest.mark.parametrize("example_page", ["adding-a-detector.md", "adding-a-protocol.md"])
def test_the_code_of_the_pages_is_as_clean_as_ours(copy, example, example_page):
    """Format, lint and types pass without a change anywhere else."""
    blocks = example(example_page)
    files = [first.removeprefix("instead of ") for first in blocks if re.match(r"(?!add to )\S+.*\.py$", first)]

    run(copy, "-m", "ruff", "format", "--check", *files)
    run(copy, "-m", "ruff", "check", *files)
    run(copy, "-m", "mypy", "--cache-dir", "mypy-cache")
