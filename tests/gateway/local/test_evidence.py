"""Evidence over a real socket and from its folder: listed, shown, fetched whole, and nothing else."""

import asyncio
import json
from hashlib import sha256
from types import SimpleNamespace

import pytest

from gateway.cli import main
from gateway.evidence import reading
from gateway.evidence.shelf import FOLDER, Shelf
from gateway.local.client import SOCKET, Refused, ask
from gateway.local.evidence import Evidence
from gateway.local.server import StatusServer
from gateway.store.audit import AuditFile
from gateway.store.chain import Note

NAME = "20261120T120000123Z-new_pair-0123abcd"
CONTENT = bytes(range(256)) * 10


@pytest.fixture
def folder(tmp_path):
    """A state_dir with one exhibit that is entered in the audit log."""
    told = {
        "v": 1, "id": NAME, "from": "2026-11-20T11:59:50.123Z", "until": "2026-11-20T12:00:05.123Z", "frames": 12,
        "frames_left_out": 3, "readings": 0, "readings_left_out": 0, "alarms_more": 1,
        "alarms": [{"severity": "warning", "text": "10.0.0.66 talks to \x1b[31m bay1", "technique": "T0848"}],
        "files": {f"{NAME}.pcapng": {"bytes": len(CONTENT), "sha256": sha256(CONTENT).hexdigest()}},
    }  # fmt: skip
    described = json.dumps(told).encode()
    Shelf(tmp_path / FOLDER, 10**6).keep({f"{NAME}.pcapng": CONTENT, f"{NAME}.json": described})
    hashes = {"pcapng": sha256(CONTENT).hexdigest(), "json": sha256(described).hexdigest()}
    AuditFile(tmp_path).append([Note(1, "evidence", "gateway", {"id": NAME, **hashes})])
    (tmp_path / "gateway.yaml").write_text("gateway: {state_dir: .}")
    return tmp_path


@pytest.fixture
async def served(folder):
    witness = SimpleNamespace(kept=1, lost=0, skipped=2, shelf=SimpleNamespace(let_go=0))
    evidence = Evidence(folder / FOLDER, lambda: witness)
    server = StatusServer(folder, lambda asked, _uid: evidence.answer(asked))
    task = asyncio.create_task(server.run())
    await server.listening.wait()
    yield folder
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def cli(folder, *words):
    return main(["status", str(folder / "gateway.yaml"), "--evidence", *map(str, words)])


SHOWN = f"""\
{NAME}
  2026-11-20T11:59:50.123Z to 2026-11-20T12:00:05.123Z
  12 frames, 3 left out
  0 readings, 0 left out
  warning  T0848  10.0.0.66 talks to ?[31m bay1
  {NAME}.pcapng  2560 bytes  sha256 {sha256(CONTENT).hexdigest()}
  audit log: entry 1 has these hashes
"""


async def test_by_the_socket(served, capsys, monkeypatch):
    """Listed with the counters, shown, and fetched in pieces, for this user only."""
    monkeypatch.setattr(reading, "PIECE_BYTES", 1000)
    assert await asyncio.to_thread(cli, served) == 0
    listed = capsys.readouterr().out
    assert NAME in listed
    assert "since the start: 1 kept, 0 lost, 2 skipped, 0 let go" in listed
    assert await asyncio.to_thread(cli, served, NAME) == 0
    assert capsys.readouterr().out == SHOWN

    output = served / "case.pcapng"
    assert await asyncio.to_thread(cli, served, NAME, "--output", output) == 0
    assert output.read_bytes() == CONTENT
    assert output.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "question",
    [{"id": "../gateway"}, {"id": 1}, {"file": "../gateway.yaml"}, {"file": f"{NAME}.csv"},
     {"file": f"{NAME}.json", "after": -1}, {"file": f"{NAME}.json", "after": "1"}, {"id": NAME.replace("0", "1")},
     {"id": NAME, "file": f"{NAME}.json"}, {"file": f"/etc/{NAME}.json"}],
)  # fmt: skip
async def test_what_there_is_not(served, question):
    """It is refused in words, whatever the name leads to."""
    with pytest.raises(Refused, match="evidence: "):
        await asyncio.to_thread(ask, served / SOCKET, {"ask": "evidence", **question})


def test_without_a_gateway(folder, capsys):
    """The same from the folder; into a folder all files are written."""
    assert cli(folder, NAME) == 0
    assert capsys.readouterr().out == SHOWN
    (folder / "case").mkdir()
    assert cli(folder, NAME, "--output", folder / "case") == 0
    assert {path.name for path in (folder / "case").iterdir()} == {f"{NAME}.pcapng", f"{NAME}.json"}
    assert cli(folder, NAME, "--output", folder / "case.txt") == 1
    assert cli(folder, NAME.replace("2026", "2027")) == 1
    assert main(["status", str(folder / "gateway.yaml"), "--output", "x.csv"]) == 2


def test_what_was_altered(folder, capsys):
    """A file that is not what was described fails; a description that fits its file, but not the audit log, is told."""
    place = folder / FOLDER / f"{NAME}.pcapng"
    place.write_bytes(CONTENT[::-1])
    assert cli(folder, NAME, "--output", folder / "case.pcapng") == 1
    assert "is not what was kept" in capsys.readouterr().err

    described = place.with_suffix(".json")
    told = json.loads(described.read_bytes())
    told["files"][place.name]["sha256"] = sha256(CONTENT[::-1]).hexdigest()
    described.write_text(json.dumps(told))
    assert cli(folder, NAME, "--output", folder / "case.pcapng") == 0

    assert "OTHER HASHES: it was altered" in capsys.readouterr().out
