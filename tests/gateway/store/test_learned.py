"""The file of what was learned is the old one or the new one, and what stands in its way is said."""

from structlog.testing import capture_logs

from gateway.store import learned


def read(directory):
    file = learned.opened(directory)
    if file is None:
        return b""
    with file:
        return file.read()


def test_what_was_written_last_is_read(tmp_path):
    """And nothing where nothing was written."""
    assert read(tmp_path) == b""
    for content in ([b"first"], [b"sec", b"", b"ond"]):
        assert learned.write(tmp_path, content)

    assert read(tmp_path) == b"second"
    assert [path.name for path in tmp_path.iterdir()] == [learned.FILE]


def test_what_is_begun_replaces_nothing(tmp_path):
    """Before all pieces are there and it is put in its place, the old one is read."""
    learned.write(tmp_path, [b"first"])

    new = learned.begin(tmp_path)
    new.add(b"second")
    assert read(tmp_path) == b"first"
    new.put()
    assert read(tmp_path) == b"second"


def test_a_disk_that_refuses_keeps_the_old_one(tmp_path):
    """It is said, and what was there is read as before."""
    learned.write(tmp_path, [b"first"])
    (tmp_path / f"{learned.FILE}.new").mkdir()

    with capture_logs() as logs:
        assert not learned.write(tmp_path, [b"second"])

    assert [log["event"] for log in logs] == ["learned_not_kept"]
    assert read(tmp_path) == b"first"


def test_a_file_that_cannot_be_read(tmp_path):
    """The checks learn anew, and it is said why."""
    (tmp_path / learned.FILE).mkdir()

    with capture_logs() as logs:
        assert read(tmp_path) == b""
    assert [log["event"] for log in logs] == ["learned_not_read"]
