"""What the pages name is there: commands, files, links, limits, log events, sections, packages."""

import argparse
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from gateway import __version__
from gateway.cli import COMMANDS, main
from gateway.config import keys
from gateway.config.model import Config, LocalPage, PageUser, Polling, StoreBudget, Uplink
from gateway.core.messages import Summary
from gateway.core.rules import AlarmRules
from gateway.store.limits import Limits, record_cost
from gateway.store.packing import to_record
from protocols.config import Device

ROOT = Path(__file__).resolve().parents[2]
COMMAND = re.compile(r"(?:^|/bin/)gridsentinel ([a-z]+.*)")
ROOMS = ("gateway", "protocols", "detectors", "simulator", "config", "systemd", "tests", "docs", "requirements")
NEEDED = {
    "check": ["FILE"],
    "explain": ["FILE", "POINT"],
    "learn": ["FILE", "show"],
    "plan": ["FILE"],
    "replay": ["FILE", "RECORDING"],
    "run": ["FILE"],
    "train": ["FILE", "RECORDING", "--output", "MODEL"],
}
"""What is added to a command that a page only names."""
A_PATH = re.compile(rf"(?:{'|'.join(ROOMS)})/[\w./-]*")
LOGGED = re.compile(r"\b_?log\.(info|warning|error)\(\s*\"(\w+)\"")


def commands(blocks, words) -> Iterator[str]:
    """Yield what follows `gridsentinel` in code and in shell blocks."""
    lines = [line for block in blocks if block.language == "sh" for line in block.text.splitlines()]
    for text in [*lines, *(code for _, code in words)]:
        if found := COMMAND.search(text):
            yield found[1]


def test_every_command_is_accepted(every_block, every_word):
    """The parser of the command takes the words that the page shows."""
    found = set(commands(every_block, every_word))

    assert {line.split()[0] for line in found} <= set(COMMANDS)
    for line in found:
        word, *arguments = shlex.split(line)
        parser = argparse.ArgumentParser(exit_on_error=False)
        import_module(f"gateway.cli.{word}").configure(parser)
        try:
            parser.parse_args(arguments or NEEDED.get(word, []))
        except SystemExit as refused:
            raise AssertionError(f"gridsentinel {line}") from refused


@pytest.mark.parametrize("word", COMMANDS)
def test_every_command_has_help(word, capsys):
    """--help says what the command does."""
    with pytest.raises(SystemExit) as left:
        main([word, "--help"])

    assert left.value.code == 0
    assert "usage: gridsentinel" in capsys.readouterr().out


def test_every_file_that_is_named_exists(every_block, every_word):
    """A path below one of the rooms, or a file of a worked example."""
    examples = {block.text.split("\n")[0].split()[-1] for block in every_block if block.of_example}
    named = {(page, code) for page, code in every_word if A_PATH.fullmatch(code) and code not in examples}
    folders = {str(Path(path).parent) + "/" for path in examples}

    assert sorted((page, code) for page, code in named if code not in folders and not (ROOT / code).exists()) == []


def test_links_lead_somewhere(page):
    """Links to other pages and folders of the repository."""
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_make_targets_exist(every_word):
    """`make check` and its like."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert {code.split()[1] for _, code in every_word if code.startswith("make ")} <= targets


def test_the_bounds_are_those_of_the_code(table):
    """Name, file and value of every constant in the table of bounds."""
    for name, file, value, _ in table("architecture.md", "Where memory and disk are bounded"):
        module = import_module(file.strip("`").removesuffix(".py").replace("/", "."))
        assert (name, getattr(module, name.strip("`"))) == (name, int(value))


def test_the_defaults_are_those_of_the_model(table):
    """Keys and defaults of the second table of bounds."""
    page = LocalPage(users=(PageUser(name="n", token_file=Path("f")),))
    of = {
        "alarms": AlarmRules(),
        "page": page,
        "poll": Polling(),
        "store": StoreBudget(),
        "uplink": Uplink(url="mqtt://h"),
    }
    text = (ROOT / "docs/architecture.md").read_text().split("And by the configuration:")[1]
    listed = re.findall(r"^\| `(\w+)\.(\w+)` \| ([\d.]+) \|", text, re.MULTILINE)

    assert len(listed) == 6
    assert all(float(value) == float(getattr(of[section], key)) for section, key, value in listed)


def test_every_log_event_is_explained(table):
    """The table of events names each that the code can write, with its level, and none else."""
    sources = [
        path.read_text() for room in ("gateway", "protocols", "detectors") for path in (ROOT / room).rglob("*.py")
    ]
    written = {(word, level) for text in sources for level, word in LOGGED.findall(text)}

    assert {(row[0].strip("`"), row[1]) for row in table("operations.md", "Logs")} == written


def test_every_section_can_be_reloaded_or_not(table):
    """The table of reloading names every section of the configuration."""
    rows = table("operations.md", "Reload")

    assert {key for row in rows for key in re.findall(r"`(\w+)`", row[0])} == set(Config.__dataclass_fields__)


def test_the_import_contracts_are_explained(table):
    """Each contract of pyproject.toml has a row."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

    assert {row[0] for row in table("architecture.md", "Who may import whom")} == {each["name"] for each in contracts}


def test_every_dependency_has_a_licence(table):
    """The table names what is installed with the service, each once, with its licence."""
    pinned = set(re.findall(r"^([a-z][\w-]*)==", (ROOT / "requirements/run.txt").read_text(), re.MULTILINE))
    listed = table("security.md", "Dependencies")

    assert sorted(row[0] for row in listed) == sorted(pinned)
    assert all(row[2] for row in listed)


def test_every_protocol_is_named():
    """Each protocol of the configuration is named on the page of the architecture."""
    names = {"modbus": "Modbus", "dnp3": "DNP3", "iec61850": "IEC 61850", "opcua": "OPC UA", "tap": "tap"}
    there, architecture = set(keys.kinds(Device, "protocol")), (ROOT / "docs/architecture.md").read_text()
    begins = architecture.split("**not yet**")[0].rpartition("\n")[0]

    assert [word for word in sorted(there) if names[word] not in begins] == []


def test_every_decision_is_listed():
    """Each file of docs/decisions is linked from its list."""
    folder = ROOT / "docs/decisions"
    linked = set(re.findall(r"\]\((\d[\w-]*\.md)\)", (folder / "README.md").read_text()))

    assert linked == {path.name for path in folder.glob("[0-9]*.md")}


def test_the_changelog_knows_this_version():
    """The version of the program is released, or about to be."""
    assert __version__ in (ROOT / "CHANGELOG.md").read_text()


def test_the_store_lasts_as_long_as_the_page_says(table):
    """Within a tenth, for values that all move."""
    room, numbers = Limits.of(StoreBudget()).other_bytes, np.random.default_rng(1)
    for devices, points, short, long in table("operations.md", "The store, and how long it lasts"):
        n = int(points)
        readings = np.float32(numbers.uniform(1, 400, (n, 1)) + numbers.normal(0, 0.3, (n, 10))).astype(float)
        window = Summary(
            device="feeder1",
            start_ns=1_763_632_800_000_000_000,
            length_ns=10_000_000_000,
            points=tuple(f"point{i}" for i in range(n)),
            count=np.full(n, 10, np.uint32),
            min=readings.min(axis=1),
            max=readings.max(axis=1),
            mean=readings.mean(axis=1),
            last=readings[:, -1],
            quality=np.zeros(n, np.uint16),
        )
        windows = room / record_cost(to_record(window)) / int(devices)

        for cell, length_s in ((short, 10), (long, 60)):
            assert float(cell.split()[0]) == pytest.approx(windows * length_s / 3600, rel=0.1)


def test_the_exposure_is_what_systemd_says():
    """The figure of docs/security.md, with the version of systemd that it names."""
    analyze = shutil.which("systemd-analyze")
    text = (ROOT / "docs/security.md").read_text()
    version = re.search(r"with systemd (\d+)", text)[1]
    if analyze is None or version not in said_by(analyze, "--version"):
        pytest.skip(f"no systemd-analyze of systemd {version}")
    said = said_by(analyze, "security", "--offline=true", str(ROOT / "systemd/gridsentinel.service"))

    level = re.compile(r"exposure level for gridsentinel.service: ([\d.]+ \w+)")
    assert level.search(text)[1] == level.search(said)[1]


def test_drop_ins_open_no_more_than_they_say():
    """None opens all devices, and only that of the tap gives a capability, one; with what its head says."""
    for path in (ROOT / "systemd/drop-ins").glob("*.conf"):
        keys = dict(line.split("=", 1) for line in path.read_text().splitlines() if re.match(r"[A-Z]\w+=", line))

        assert path.read_text().startswith(f"# /etc/systemd/system/gridsentinel.service.d/{path.name}: ")
        given = {keys.get(key, "") for key in ("CapabilityBoundingSet", "AmbientCapabilities")}
        assert given == ({"CAP_NET_RAW"} if path.stem == "tap" else {""})
        assert not {"User", "NoNewPrivileges"} & set(keys)
        assert keys.get("PrivateDevices") != "no" or keys["DevicePolicy"] == "closed"


@pytest.mark.parametrize("name", ["serial", "clock", "tap"])
def test_the_exposure_of_a_drop_in_is_what_systemd_says(name, tmp_path):
    """The figure of docs/operations.md."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None or "252" not in said_by(analyze, "--version"):
        pytest.skip("no systemd-analyze of systemd 252")
    unit = tmp_path / "gridsentinel.service"
    folder = tmp_path / "gridsentinel.service.d"
    folder.mkdir()
    shutil.copy(ROOT / "systemd/gridsentinel.service", unit)
    shutil.copy(ROOT / f"systemd/drop-ins/{name}.conf", folder)
    said = said_by(analyze, "security", "--offline=true", str(unit))

    told = re.search(rf"`systemd/drop-ins/{name}.conf` \|.*\| ([\d.]+) \|", (ROOT / "docs/operations.md").read_text())
    assert f"exposure level for gridsentinel.service: {told[1]} " in said


def said_by(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
