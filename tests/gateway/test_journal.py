"""Log lines as fields of the journal, to a real socket in the place of journald's."""

import os
import socket
import struct
import sys

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway import log
from gateway.config.model import Logging
from gateway.journal import VALUE_BYTES, Journal, entry, listens, told


def parsed(data):
    """Return the fields of an entry, read as journald does."""
    fields = {}
    while data:
        line, _, rest = data.partition(b"\n")
        key, equals, value = line.partition(b"=")
        if not equals:
            (size,) = struct.unpack_from("<Q", rest)
            value, rest = rest[8 : 8 + size], rest[8 + size + 1 :]
        fields[key.decode()], data = value.decode(), rest
    return fields


@pytest.fixture
def there(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "socket"))
        bound.settimeout(10)
        yield bound


@pytest.fixture
def journal(there):
    each = Journal(there.getsockname())
    yield each
    each.close()


def received(there):
    """Return the fields of the next entry, be it a datagram or a sealed file."""
    data, files, _, _ = socket.recv_fds(there, 1 << 20, 1)
    if files:
        with os.fdopen(files[0], "rb") as file:
            file.seek(0)
            return parsed(file.read())
    return parsed(data)


@pytest.fixture
def logger(journal, monkeypatch):
    monkeypatch.setattr("gateway.log.listens", lambda: True)
    monkeypatch.setattr("gateway.log.Journal", lambda: journal)
    monkeypatch.setattr("gateway.log.JOURNAL", [])
    log.set_up(Logging())
    yield structlog.get_logger()
    structlog.reset_defaults()


def test_a_line_is_a_sentence_and_fields(logger, there):
    """People read the sentence; `journalctl DEVICE=feeder1` finds the fields."""
    logger.warning("device_lost", device="feeder1", reason="no answer in 1 s", retry_s=4)

    assert received(there) == {
        "MESSAGE": "device lost: device feeder1, reason no answer in 1 s, retry_s 4",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "gridsentinel",
        "EVENT": "device_lost",
        "DEVICE": "feeder1",
        "REASON": "no answer in 1 s",
        "RETRY_S": "4",
    }


def test_a_traceback_is_a_field_of_many_lines(logger, there):
    """It is whole, and not in the sentence."""
    logger.error("device_fault", error="ValueError: odd", exc_info=ValueError("odd"))
    found = received(there)

    assert found["EXCEPTION"].splitlines()[-1] == "ValueError: odd"
    assert found["MESSAGE"] == "device fault: error ValueError: odd"
    assert found["PRIORITY"] == "3"


def test_what_is_larger_than_a_datagram(journal, there):
    """It goes as a file that nobody can change any more."""
    many = {f"key_{n}": "x" * VALUE_BYTES for n in range(10)}
    journal.msg(event="large", level="info", **many)

    found = received(there)
    assert found["EVENT"] == "large"
    assert found["KEY_9"] == "x" * VALUE_BYTES


def test_a_journal_that_is_full_holds_nobody_up(journal, there):
    """What finds no room is counted, and the next that does says how many."""
    count = 0
    while not journal.dropped:
        journal.msg(event="many", level="info")
        count += 1
        assert count < 100_000
    journal.msg(event="many", level="info")
    assert journal.dropped == 2
    for _ in range(count - 1):
        received(there)
    journal.msg(event="again", level="info")
    journal.msg(event="again", level="info")

    assert received(there)["LOG_DROPPED"] == "2"
    assert "LOG_DROPPED" not in received(there)


def test_without_journald_lines_go_to_standard_error(tmp_path, capsys):
    """It may be away while it is upgraded."""
    journal = Journal(tmp_path / "nobody")
    journal.msg(event="started", level="info", devices=3)
    journal.close()

    assert capsys.readouterr().err == '{"event": "started", "level": "info", "devices": 3}\n'
    assert journal.dropped == 0


@given(st.dictionaries(st.text(min_size=1, max_size=70), st.text(max_size=200), max_size=8), st.text(max_size=50))
def test_nobody_forges_a_field(keys, event):
    """Whatever a device says: it is one value of one field, and no field of ours is another."""
    fields = told({**keys, "event": event, "level": "info"})
    found = parsed(entry(fields))

    assert found == {key: value.encode(errors="replace").decode() for key, value in fields.items()}
    assert (found["PRIORITY"], found["SYSLOG_IDENTIFIER"]) == ("6", "gridsentinel")


def test_it_is_used_where_standard_error_is_the_journal(monkeypatch, tmp_path):
    """The variable alone says nothing: a program started from a service inherits it."""
    with (tmp_path / "file").open("w") as file:
        seen = os.fstat(file.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{seen.st_dev}:{seen.st_ino}")
        assert listens(file.fileno())
        assert not listens(sys.__stderr__.fileno())
    monkeypatch.delenv("JOURNAL_STREAM")
    assert not listens()
