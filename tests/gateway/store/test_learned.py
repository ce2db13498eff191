"""The file of what was learned is the old one or the new one, and what stands in its way is said."""

from structlog.testing import capture_logs

from gateway.store import learned


def test_what_was_written_last_is_read(tmp_path):
    """And nothing where nothing was written."""
    assert learned.read(tmp_path) == b""
    for content in (b"first", b"second"):
        assert learned.write(tmp_path, content)

    assert learned.read(tmp_path) == b"second"
    assert [path.name for path in tmp_path.iterdir()] == [learned.FILE]


def test_a_disk_that_refuses_keeps_the_old_one(tmp_path):
    """It is said, and what was there is read as before."""
    learned.write(tmp_path, b"first")
    (tmp_path / f"{learned.FILE}.new").mkdir()

    with capture_logs() as logs:
        assert not learned.write(tmp_path, b"second")

    assert [log["event"] for log in logs] == ["learned_not_kept"]
    assert learned.read(tmp_path) == b"first"


def test_a_file_that_cannot_be_read(tmp_path):
    """The checks learn anew, and it is said why."""
    (tmp_path / learned.FILE).mkdir()

    with capture_logs() as logs:
        assert learned.read(tmp_path) == b""
    assert [log["event"] for log in logs] == ["learned_not_read"]
