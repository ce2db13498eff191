"""`gridsentinel status` as a command: where it asks, how it watches, and its exit codes."""

import json

import pytest

from gateway.cli import main
from gateway.cli import status as module
from gateway.local.client import STATE_DIR, NotRunning, state_dir


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gateway: {state_dir: /srv/gs}", "/srv/gs"),
        ("gateway: {state_dir: state}", "FOLDER/state"),
        ("gateway: {state_dir: state}\ndevices: [{protocol: none}]\nnonsense: 1", "FOLDER/state"),
        ("gateway: {site: s, name: n}", str(STATE_DIR)),
        ("[]", str(STATE_DIR)),
    ],
)
def test_where_the_socket_is(tmp_path, text, expected):
    """In the state_dir of the file, relative to the file, whatever else is wrong with it."""
    file = tmp_path / "gateway.yaml"
    file.write_text(text)

    assert str(state_dir(file)) == expected.replace("FOLDER", str(tmp_path))


def test_a_file_that_is_none(tmp_path, capsys):
    """Exit code 78 and the file's name, as for every command that reads one."""
    assert main(["status", str(tmp_path / "none.yaml")]) == 78
    assert "none.yaml" in capsys.readouterr().err


def test_no_audit_log(tmp_path, capsys):
    """Exit code 1 and one sentence."""
    assert main(["status", "--audit", "--socket", str(tmp_path / "status.sock")]) == 1
    assert capsys.readouterr().err == f"no audit log in {tmp_path}\n"


def test_watching(tmp_path, capsys, monkeypatch):
    """It draws again and again, through a restart of the gateway, until Ctrl-C; which is a good end."""
    answers = iter([{"n": 1}, NotRunning("away"), {"n": 2}])
    pauses = iter([None, None, KeyboardInterrupt()])

    def ask(path, question):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sleep(_):
        if (pause := next(pauses)) is not None:
            raise pause

    monkeypatch.setattr(module, "ask", ask)
    monkeypatch.setattr(module.time, "sleep", sleep)
    code = main(["status", "--watch", "--json", "--socket", str(tmp_path / "status.sock")])
    said = capsys.readouterr().out.splitlines()

    assert (code, [json.loads(said[0]), said[1], json.loads(said[2])]) == (0, [{"n": 1}, "away", {"n": 2}])


@pytest.mark.usefixtures("capfd")
def test_a_reader_that_has_seen_enough(tmp_path, monkeypatch):
    """`status | head` is a good end, without a traceback."""

    def closed(*_words, **_more):
        raise BrokenPipeError

    monkeypatch.setattr(module, "ask", lambda *_: {})
    monkeypatch.setattr("builtins.print", closed)

    assert main(["status", "--json", "--socket", str(tmp_path / "status.sock")]) == 0
