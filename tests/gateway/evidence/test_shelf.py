"""The folder of evidence keeps to its bytes, lets the oldest go, and touches nothing that is not its own."""

import os
import stat
from types import SimpleNamespace

import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence import shelf as module
from gateway.evidence.shelf import EXHIBITS_MAX, Shelf, exhibits

SUFFIXES = ("csv", "pcapng", "json")


def named(number):
    return f"20261120T{number:06d}000Z-new_pair-0123abcd"


def files(number, *sizes):
    return {f"{named(number)}.{suffix}": bytes(size) for suffix, size in zip(SUFFIXES, sizes, strict=True)}


def test_permissions(tmp_path):
    """For the gateway's own user only, whatever the umask is."""
    before = os.umask(0)
    try:
        Shelf(tmp_path / "evidence", 1000).keep(files(1, 10, 20, 30))
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "evidence").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "evidence").iterdir()} == {0o600}


@examples(20)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400), st.integers(1, 50)), max_size=20))
def test_it_keeps_to_its_bytes(tmp_path_factory, sizes):
    """Whole exhibits go, the oldest first, and none that would still fit; one that is too large costs none of them."""
    folder = tmp_path_factory.mktemp("shelf")
    shelf, model = Shelf(folder, 600), []
    for number, each in enumerate(sizes):
        while model and sum(each) <= 600 < sum(sum(kept) for _, kept in model) + sum(each):
            model.pop(0)
        try:
            shelf.keep(files(number, *each))
        except OSError:
            assert sum(each) > 600
        else:
            model.append((named(number), each))

        assert list(exhibits(folder)) == [name for name, _ in model]
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 600


def test_there_are_never_many(tmp_path, monkeypatch):
    """However small they are."""
    monkeypatch.setattr(module, "EXHIBITS_MAX", 3)
    shelf = Shelf(tmp_path, 10**6)
    for number in range(5):
        shelf.keep(files(number, 1, 1, 1))

    assert list(exhibits(tmp_path)) == [named(2), named(3), named(4)]
    assert shelf.let_go == 2
    assert EXHIBITS_MAX == 256


def test_what_is_not_ours(tmp_path):
    """It is neither counted nor deleted; what a kill left of ours is both."""
    (tmp_path / "notes.txt").write_bytes(bytes(5000))
    (tmp_path / f"{named(0)}.csv.new").write_bytes(bytes(90))
    shelf = Shelf(tmp_path, 100)
    shelf.keep(files(1, 10, 10, 10))

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*files(1, 0, 0, 0), "notes.txt"])


def test_a_disk_with_little_left(tmp_path, monkeypatch):
    """The old goes first; then nothing is written, and nothing is left of it."""
    shelf = Shelf(tmp_path, 10**6)
    shelf.keep(files(1, 10, 10, 10))
    monkeypatch.setattr(module.os, "statvfs", lambda _: SimpleNamespace(f_bavail=module.FREE_BYTES, f_frsize=1))
    with pytest.raises(OSError, match="left to the store"):
        shelf.keep(files(2, 10, 10, 10))

    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses(tmp_path, monkeypatch):
    """Of an exhibit that could not be written whole nothing is left."""
    synced = []

    def fsync(handle):
        synced.append(handle)
        if len(synced) > 3:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("gateway.store.files.os.fsync", fsync)
    with pytest.raises(OSError, match="Input/output"):
        Shelf(tmp_path, 1000).keep(files(1, 10, 20, 30))

    assert list(tmp_path.iterdir()) == []
