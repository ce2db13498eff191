"""The checklist: HTML, CSV, exit codes; and what the command says where it cannot begin."""

import csv
import hashlib
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.cli.fat import _written
from gateway.fat import broker as brokers
from gateway.fat.page import page, verdict
from gateway.fat.row import Row, Verdict
from gateway.fat.table import hash_of, table
from gateway.fat.trial import Outcome

GOOD = Row(
    device="feeder1", point="va", address="holding:100", kind="float32", order="big", scale="1", unit="V",
    test="low end", expected="-276 V", seen="-276 V", verdict=Verdict.PASS,
)  # fmt: skip
BAD = replace(GOOD, point="ia", test="high end", seen="=HYPERLINK()<script>", verdict=Verdict.FAIL)
OUT = replace(GOOD, point="txt", test="value", verdict=Verdict.NOT_TESTED, remark="a string of octets is no number")


def outcome(*rows: Row) -> Outcome:
    return Outcome(
        rows=rows,
        site="nairobi", gateway="gw1", fingerprint="ab" * 32, version="0.1.0", broker="Mosquitto",
        messages=7,
        begin_ns=1_795_000_000 * 10**9, end_ns=1_795_000_100 * 10**9,
    )  # fmt: skip


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag != "meta":
            self.open.append(tag)
        assert not any(name in ("src", "href") for name, _ in attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_report_is_one_file_that_is_well_formed_and_escaped():
    """Whatever a unit or a text says: nothing of it is markup, and nothing is fetched."""
    html = page(outcome(GOOD, replace(BAD, unit='"><img src=x>', point="x")), "f" * 64)
    tags = Tags()
    tags.feed(html)

    assert tags.open == []
    assert "script" not in tags.seen
    assert "img" not in tags.seen


def test_what_failed_stands_before_the_rest_with_who_when_and_what_of():
    """Summary, failures, what was not tested, how, signatures, all; on every printed page the marks of this report."""
    html = page(outcome(GOOD, BAD, OUT), "c0ffee" + "0" * 58)
    order = ("FAILED: 1 passed, 1 failed, 1 not tested", ">Failed: 1<", "Not tested, and why: 1", "How it was tested",
             "Signatures", "feeder1: FAILED")  # fmt: skip

    assert [html.index(word) for word in order] == sorted(html.index(word) for word in order)
    head = html[: html.index("</style>")]
    assert all(word in head for word in ("size: A4", "nairobi/gw1", "abababababab", "c0ffee", "counter(page)"))
    assert "holding:100 &middot; float32 &middot; big &middot; scale 1 &middot; V" in html


def test_the_hash_is_that_of_the_file_and_no_cell_is_a_formula(tmp_path):
    """`sha256sum` proves that file and report belong together; a spreadsheet computes nothing."""
    code = _written(outcome(GOOD, BAD), tmp_path / "r.html", tmp_path / "r.csv")
    rows = list(csv.DictReader(StringIO((tmp_path / "r.csv").read_text())))

    assert code == 1
    assert hashlib.sha256((tmp_path / "r.csv").read_bytes()).hexdigest() in (tmp_path / "r.html").read_text()
    assert rows[1]["seen"] == "'=HYPERLINK()<script>"
    assert rows[0]["expected"] == "-276 V"
    assert hash_of(table([GOOD])) != hash_of(table([BAD]))


@pytest.mark.parametrize(
    ("rows", "code", "said"),
    [((GOOD,), 0, "PASSED: 1"), ((GOOD, OUT), 3, "PASSED AS FAR AS TESTED"), ((GOOD, OUT, BAD), 1, "FAILED")],
)
def test_only_if_all_was_tested_and_passed_the_exit_code_is_0(rows, code, said, tmp_path, capsys):
    """What was not tested never counts as passed."""
    assert _written(outcome(*rows), tmp_path / "r.html", tmp_path / "r.csv") == code
    assert said in verdict(rows)
    assert said in capsys.readouterr().out


def test_a_bad_configuration_is_exit_78(tmp_path, capsys):
    """Its faults are told, as by `check`."""
    (tmp_path / "g.yaml").write_text("gateway: {}\n")

    assert main(["fat", str(tmp_path / "g.yaml")]) == 78
    assert "site" in capsys.readouterr().err


def test_without_any_broker_it_says_which_to_install(configured, tmp_path, monkeypatch, capsys):
    """Exit 1, before anything was tested, and no report is written."""
    configured("  []\n")
    monkeypatch.setattr(brokers.shutil, "which", lambda *_args, **_keys: None)
    monkeypatch.setattr(brokers, "find_spec", lambda _name: None)

    assert main(["fat", str(tmp_path / "gateway.yaml"), "--output", str(tmp_path / "r.html")]) == 1
    assert "apt install mosquitto" in capsys.readouterr().err
    assert not Path(tmp_path / "r.html").exists()
