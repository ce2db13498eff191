"""Evidence is read by its name, and no name leads to anything else."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence import reading as module
from gateway.evidence.reading import NoEvidence, described, listed, piece

NAME = "20261120T120000123Z-new_pair-0123abcd"
ASKED = st.text(max_size=80) | st.builds(
    "".join, st.lists(st.sampled_from(["..", "/", "\0", "\n", NAME, ".json", ".csv", "%2e", "secret", "\u2024"]))
)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "evidence"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "secret").write_bytes(b"secret")
    (folder / f"{NAME}.csv").write_bytes(b"time,point\n")
    (folder / f"{NAME}.json").write_text(json.dumps({"id": NAME, "files": {}}))
    return folder


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    folder = tmp_path_factory.mktemp("state") / "evidence"
    folder.mkdir()
    for place in (folder / "secret", folder.parent / "secret", folder.parent / f"{NAME}.csv"):
        place.write_bytes(b"secret")
    return folder


@given(ASKED)
def test_no_name_leads_outside(there, name):
    """Nor to a file beside the evidence."""
    with pytest.raises(NoEvidence):
        piece(there, name, 0)
    with pytest.raises(NoEvidence):
        described(there, name)


def test_no_link_is_followed(folder):
    """Also not one that has a name of ours; nor is a pipe waited for."""
    other = NAME.replace("0123", "9999")
    (folder / f"{other}.csv").symlink_to(folder.parent / "secret")
    os.mkfifo(folder / f"{other}.pcapng")

    with pytest.raises(OSError, match="symbolic"):
        piece(folder, f"{other}.csv", 0)
    with pytest.raises(NoEvidence, match="is no file"):
        piece(folder, f"{other}.pcapng", 0)


def test_pieces(folder, monkeypatch):
    """Each of a bounded size, and their sum is the file; beyond its end there is nothing."""
    monkeypatch.setattr(module, "PIECE_BYTES", 4)

    assert [piece(folder, f"{NAME}.csv", at) for at in (0, 4, 8, 99, 2**70)] == [
        (b"time", 11), (b",poi", 11), (b"nt\n", 11), (b"", 11), (b"", 11)
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"[]", b'{"files":1}', b"[" * 10_000, b"\xff"])
def test_what_a_kill_left(folder, content):
    """An exhibit without its description is listed by its name, and cannot be shown."""
    other = NAME.replace("2026", "2027")
    (folder / f"{other}.csv").write_bytes(b"")
    (folder / f"{other}.json").write_bytes(content)

    assert listed(folder) == [{"id": other}, {"id": NAME, "files": {}}]
    with pytest.raises(NoEvidence, match="ended before it was written"):
        described(folder, other)
    assert listed(folder.parent / "none") == []
