"""What goes into the package is chosen, described and listed right; that it works shows the acceptance."""

import json
import subprocess
import zipfile
from pathlib import Path

import bom
import manual
import pytest
import wheels
from releases import RELEASES, platforms

from gateway.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PINS = """\
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:aa
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:bb \\
    --hash=sha256:cc
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:dd
pyserial==3.5 \\
    --hash=sha256:ee
"""
METADATA = "Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: MIT\n{more}\n"


@pytest.mark.parametrize(("release", "numpy"), [("bookworm", "2.4.6"), ("trixie", "2.5.5")])
def test_markers_are_judged_for_the_release(release, numpy):
    """The Python that builds has no say in what is pinned for the Python that runs."""
    chosen = list(wheels.applicable(PINS, wheels.environment(RELEASES[release], "amd64")))

    assert [entry.split()[0] for entry in chosen] == [f"numpy=={numpy}", "pyserial==3.5"]
    assert all("--hash=sha256:" in entry and ";" not in entry for entry in chosen)


def test_every_pin_of_the_repository_is_understood():
    """No entry of the lock is overlooked: each one has its hashes."""
    text = (ROOT / "requirements/run.txt").read_text()
    entries = list(wheels.ENTRY.finditer(text))

    assert (
        len(entries) == text.count("==", 0) - text.count("== '") == sum("--hash" in each["hashes"] for each in entries)
    )


def test_wheels_are_none_too_new_for_the_release():
    """The newest wheels that load there come first, those of any manylinux since 2014 do too, and no newer ones."""
    tags = platforms(RELEASES["bookworm"], "arm64")

    assert (tags[0], tags[-1]) == ("manylinux_2_36_aarch64", "manylinux2014_aarch64")
    assert "manylinux_2_17_aarch64" in tags


def test_records_tell_what_is_there(tmp_path):
    """What is left out is in no RECORD, and what is in a wheel beside its modules is not laid out."""
    with zipfile.ZipFile(tmp_path / "numpy-1-py3-none-any.whl", "w") as made:
        for name in ("numpy/core.py", "numpy/core.pyi", "numpy/x/tests/test_core.py", "numpy-1.data/scripts/f2py"):
            made.writestr(name, "")
        made.writestr(
            "numpy-1.dist-info/RECORD",
            "numpy/core.py,,\nnumpy/core.pyi,,\nnumpy/x/tests/test_core.py,,\n../../bin/f2py,,\nnumpy-1.dist-info/RECORD,,\n",
        )
    wheels.unpack(tmp_path, tmp_path / "to")
    wheels.lighten(tmp_path / "to")
    files = sorted(str(path.relative_to(tmp_path / "to")) for path in (tmp_path / "to").rglob("*") if path.is_file())

    assert files == ["numpy-1.dist-info/RECORD", "numpy/core.py"]
    assert (tmp_path / "to/numpy-1.dist-info/RECORD").read_text() == "numpy/core.py,,\nnumpy-1.dist-info/RECORD,,\n"


def test_the_bill_lists_all_that_is_inside(tmp_path):
    """Each package with version, licence and hash, and what it asks for as far as it is there; always the same text."""
    for name, version, more in (
        ("gridsentinel", "0.1.0", "Requires-Dist: PyYAML>=6"),
        ("PyYAML", "6.0.3", "Requires-Dist: absent"),
    ):
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(METADATA.format(name=name, version=version, more=more))
    text = bom.document(tmp_path, name="gridsentinel", version="0.1.0+deb12", hashes={"pyyaml": "ff"})
    bill = json.loads(text)

    assert text == bom.document(tmp_path, name="gridsentinel", version="0.1.0+deb12", hashes={"pyyaml": "ff"})
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert bill["components"] == [
        {
            "type": "library",
            "bom-ref": "pkg:pypi/pyyaml@6.0.3",
            "name": "pyyaml",
            "version": "6.0.3",
            "purl": "pkg:pypi/pyyaml@6.0.3",
            "licenses": [{"expression": "MIT"}],
            "hashes": [{"alg": "SHA-256", "content": "ff"}],
        }
    ]
    assert {"ref": "gridsentinel", "dependsOn": ["pkg:pypi/pyyaml@6.0.3"]} in bill["dependencies"]


def test_the_manual_has_every_command_and_option():
    """A new command or option is in the page and in the completion without anybody's help."""
    page, completion = manual.page("1.2.3"), manual.completion()
    for name, parser in manual.parsers().items():
        assert f"\n.SS {name}\n" in page
        assert f"\n    {name}) words=" in completion
        for action in parser._actions:
            assert all(option.replace("-", "\\-") in page for option in action.option_strings)
            assert not action.option_strings or action.option_strings[-1] in completion


def test_bash_completes():
    """Commands first, then the options of the command."""
    ask = 'COMP_WORDS=({words}); COMP_CWORD={at}; _gridsentinel; echo "${{COMPREPLY[@]}}"'

    def completed(words, at):
        script = manual.completion() + ask.format(words=words, at=at)
        return subprocess.run(("bash", "-c", script), capture_output=True, text=True, check=True).stdout.split()

    assert set(COMMANDS) <= set(completed("gridsentinel ''", 1))
    assert completed("gridsentinel st", 1) == ["status"]
    assert completed("gridsentinel check --js", 2) == ["--json"]
