"""`gridsentinel check` and `gridsentinel schema`, as an operator and an editor see them."""

import json
from pathlib import Path

from detectors.config import chosen
from gateway import cli
from gateway.config import keys
from gateway.config.model import Config

CONFIG = Path(__file__).parents[3] / "config"
CASES = Path(__file__).parent / "cases"


def test_check_of_a_good_file_says_what_it_would_do(capsys):
    """Exit 0, a summary of five lines, and what is missing for the checks that need roles."""
    assert cli.main(["check", str(CONFIG / "minimal.yaml")]) == 0

    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[5] == "  not possible yet:"
    assert out.splitlines()[:5] == [
        f"{CONFIG / 'minimal.yaml'} is well: gateway nairobi-west/gw1",
        "  polls      1 point of 1 device over 1 connection, 1 readings/s",
        f"  checks     {', '.join(sorted(each.detector for each in chosen(())))}; limits of 0 points",
        "  keeps      up to 256 MiB in /var/lib/gridsentinel",
        "  forwards   to mqtt://broker.example as json, a summary every 10 s",
    ]


def test_check_names_every_fault_and_counts_them(capsys, monkeypatch):
    """Exit 78, one fault a line on the standard error, then how many."""
    monkeypatch.chdir(CASES / "unknown_section")

    assert cli.main(["check", "gateway.yaml"]) == 78
    out, err = capsys.readouterr()
    assert out == ""
    assert err == Path("expected.txt").read_text() + "3 faults in gateway.yaml\n"


def test_check_tells_what_the_roles_make_possible(capsys):
    """Each check once, with all places that it is possible for; the same as JSON."""
    assert cli.main(["check", str(CONFIG / "demo.yaml")]) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert cli.main(["check", "--json", str(CONFIG / "demo.yaml")]) == 0
    told = json.loads(capsys.readouterr().out)["outlook"]

    assert " balance bb1, bb2, bb1+bb2: Σ P in = Σ P out; Σ Q in = Σ Q out " in page
    assert " consistency t1 hv, t2 hv: S = √3 · U · I " in page
    assert {"check": "unbalance", "subject": "bus1", "possible": True, "text": "line voltage"} in told


def test_check_tells_what_is_missing(capsys):
    """A check that the roles of the sample do not allow yet, with what it lacks."""
    assert cli.main(["check", str(CONFIG / "gateway.yaml")]) == 0

    page = capsys.readouterr().out
    assert "  not possible yet:\n" in page
    assert "needs an infeed (a transformer, or direction: in) and one more bay\n" in page


def test_check_as_json(capsys, monkeypatch):
    """A machine reads faults by file, line, column, path and text."""
    monkeypatch.chdir(CASES / "empty_file")

    assert cli.main(["check", "--json", "gateway.yaml"]) == 78
    found = json.loads(capsys.readouterr().out)
    assert found == {
        "file": "gateway.yaml",
        "faults": [{"file": "gateway.yaml", "line": 1, "column": 1, "path": "file", "text": "the file is empty"}],
    }

    assert cli.main(["check", "--json", str(CONFIG / "gateway.yaml")]) == 0
    assert json.loads(capsys.readouterr().out)["summary"]["points"] == 19


def test_the_schema_in_config_is_fresh(capsys, tmp_path):
    """config/schema.json is what the command prints and writes."""
    expected = (CONFIG / "schema.json").read_text()

    assert cli.main(["schema"]) == 0
    assert capsys.readouterr().out == expected
    assert cli.main(["schema", "--output", str(tmp_path / "out.json")]) == 0
    assert (tmp_path / "out.json").read_text() == expected


def test_the_schema_describes_every_key():
    """Every key has a description, and no object takes a key that the loader refuses."""
    schema = json.loads((CONFIG / "schema.json").read_text())

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for cls in keys.all_classes(Config):
        described = schema if cls is Config else schema["$defs"][cls.__name__]
        assert described["additionalProperties"] is False
        assert list(described["properties"]) == list(keys.fields(cls))
        bare = [key for key, one in described["properties"].items() if not one.get("description")]
        assert bare in ([], ["detector"]), cls


def test_the_schema_takes_sizes_as_texts():
    """The schema accepts what the loader accepts: 256MiB is a text."""
    schema = json.loads((CONFIG / "schema.json").read_text())

    kinds = {one["type"] for one in schema["$defs"]["StoreBudget"]["properties"]["max_bytes"]["anyOf"]}
    assert kinds == {"string", "integer"}
