"""`gridsentinel train`, as an engineer uses it: from a recording to a detector that finds what is wrong."""

import json
import sys

import pytest
from trained import NAMES, rows

from gateway import cli

CONFIG = """\
gateway: {site: s, name: g}
uplink: {url: mqtt://broker}
devices:
  - name: f1
    protocol: modbus
    url: tcp://10.0.0.1:502
    points:
"""


@pytest.fixture
def folder(tmp_path):
    """A configuration and 4,000 seconds of its feeder, the last of them with a sensor that reads too much."""
    points = "".join(
        f"      - {{name: {name}, address: 'input:{2 * k}', type: float32}}\n" for k, name in enumerate(NAMES)
    )
    (tmp_path / "g.yaml").write_text(CONFIG + points)
    values = rows()
    values[3500:3600, 4] *= 1.2
    lines = [",".join(map(str, (1_767_225_600 + at, *row))) for at, row in enumerate(values.tolist())]
    (tmp_path / "r.csv").write_text("\n".join([",".join(("time", *NAMES)), *lines]) + "\n")
    return tmp_path


def train(folder, *more):
    return cli.main(
        ["train", str(folder / "g.yaml"), str(folder / "r.csv"), "--output", str(folder / "m.tflite"), *more]
    )


def test_from_a_recording_to_a_finding(folder, capsys):
    """Train on the first 50 minutes, name the model in the configuration, replay: one alarm, the right point."""
    assert train(folder, "--to", "2026-01-01T00:50:00Z") == 0

    out = capsys.readouterr().out
    assert out.startswith(
        "8 points, 3000 moments (one of 1) from 2026-01-01T00:00:00.000Z to 2026-01-01T00:49:59.000Z\n"
    )
    assert "as numpy, within " in out
    told = json.loads((folder / "m.json").read_text())
    assert told["points"] == [f"f1.{name}" for name in NAMES]
    assert 0 <= told["false_alarms"] < 0.01
    assert (folder / "m.svg").read_text().startswith("<svg ")
    assert (folder / "m.txt").read_text() in out
    assert (folder / "m.tflite").stat().st_size < 10_000

    with (folder / "g.yaml").open("a") as config:
        config.write("detectors:\n  - {detector: tflite, model_file: m.tflite}\n")
    assert cli.main(["replay", str(folder / "g.yaml"), str(folder / "r.csv")]) == 0

    out = capsys.readouterr().out
    assert "1 alarm of 1 kinds and places\n" in out
    assert "f1.ib is " in out
    assert "2026-01-01 00:58:30" in out


def test_what_was_not_normal_is_left_out(folder, capsys):
    """Known bad stretches do not become normal."""
    assert train(folder, "--without", "2026-01-01T00:58:00Z/2026-01-01T01:01:00Z") == 0

    assert "8 points, 3820 moments" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "code", "word"),
    [
        (("--points", "f1.v*"), 1, "3 measured points match f1.v*; a model takes 4 to 64"),
        (("--to", "2026-01-01T00:01:00Z"), 1, "60 moments with all 8 points known; 500 are needed"),
        (("--false-alarms", "0"), 2, "is a share"),
        (("--output", "m.json"), 2, "does not end in .tflite"),
        (("--output", "no/such/m.tflite"), 2, "there is no folder no/such"),
    ],
)
def test_faults(folder, capsys, more, code, word):
    """One sentence on the standard error, and no file."""
    assert train(folder, *more) == code

    assert word in capsys.readouterr().err
    assert not (folder / "m.tflite").exists()


def test_without_the_packages_it_says_what_to_install(folder, capsys, monkeypatch):
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "flatbuffers", None)

    assert train(folder) == 1
    assert "training needs flatbuffers: pip install 'gridsentinel[train]'" in capsys.readouterr().err


def test_faults_of_the_configuration_and_of_the_recording(folder, capsys):
    """Exit 78 and 1, as everywhere."""
    (folder / "r.csv").write_text("time,f1.va\nx,1\n")
    assert train(folder) == 1
    (folder / "g.yaml").write_text("nothing: here\n")
    assert train(folder) == 78
    assert "r.csv:2: time 'x'" in capsys.readouterr().err
