"""What `gridsentinel status --evidence` does: list, show and fetch evidence, from the gateway or from its folder."""

import os
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

from gateway.evidence.reading import NoEvidence, described, listed, piece
from gateway.evidence.shelf import FOLDER
from gateway.local.client import NotRunning, Refused, ask
from gateway.store.audit import lines
from gateway.store.chain import opened

Piece: TypeAlias = Callable[[str, int], tuple[bytes, int]]
"""Returns bytes of a file, and how many it has."""


class Altered(Exception):
    """What was fetched is not what was kept: says which file."""


def shown(path: Path, exhibit: str) -> Mapping[str, Any]:
    """Return which evidence there is, or what the one is that is named; by the socket `path`, or the folder beside it.

    Raises:
        NotRunning: no gateway is running, and the folder cannot be read.
        Refused: there is no such evidence.
    """
    try:
        return ask(path, {"ask": "evidence", **({"id": exhibit} if exhibit else {})})
    except NotRunning as error:
        folder = path.parent / FOLDER
        try:
            return {"evidence": [described(folder, exhibit)] if exhibit else listed(folder)}
        except NoEvidence as none:
            raise Refused(str(none)) from None
        except OSError:
            raise error from None


def audited(state_dir: Path, told: Mapping[str, Any]) -> str:
    """Return what the audit log says of the hashes of an exhibit; nothing where it cannot be read."""
    files = {name.rpartition(".")[2]: each["sha256"] for name, each in told["files"].items()}
    try:
        entries = [entry for entry in map(opened, lines(state_dir)) if entry and entry["what"] == "evidence"]
    except OSError:
        return ""
    for entry in entries:
        if entry["detail"].get("id") == told["id"]:
            same = all(entry["detail"].get(suffix) == told_hash for suffix, told_hash in files.items())
            return f"audit log: entry {entry['n']} has {'these hashes' if same else 'OTHER HASHES: it was altered'}"
    return "audit log: no entry; it is older than the log, or was not written by this gateway"


def fetched(path: Path, told: Mapping[str, Any], output: Path) -> list[Path]:
    """Write the files of an exhibit: all into a folder, or the one whose ending `output` has; return where.

    Raises:
        NotRunning, Refused: as `shown` does.
        Altered: a file is not the one that was described.
        OSError: it cannot be written.
    """
    suffix = output.suffix.removeprefix(".")
    names = {name.rpartition(".")[2]: name for name in told["files"]}
    names["json"] = f"{told['id']}.json"
    if output.is_dir():
        wanted = {name: output / name for name in names.values()}
    elif suffix in names:
        wanted = {names[suffix]: output}
    else:
        raise Refused(f"--output is a folder, or a file that ends with .{', .'.join(sorted(names))}")
    for name, place in wanted.items():
        _fetch(_pieces(path), name, place, told["files"].get(name, {}).get("sha256"))
    return [*wanted.values()]


def _fetch(pieces: Piece, name: str, place: Path, expected: str | None) -> None:
    digest = sha256()
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        for data in _all(pieces, name):
            digest.update(data)
            file.write(data)
    if expected is not None and digest.hexdigest() != expected:
        raise Altered(f"{name} is not what was kept: its SHA-256 is {digest.hexdigest()}, not {expected}")


def _all(pieces: Piece, name: str) -> Iterator[bytes]:
    data, size = pieces(name, 0)
    at = 0
    while data:
        yield data
        at += len(data)
        if at >= size:
            return
        data, size = pieces(name, at)


def _pieces(path: Path) -> Piece:
    """Return what asks for pieces of files: the gateway, or its folder where none is running."""

    def piece_of(name: str, after: int) -> tuple[bytes, int]:
        try:
            told = ask(path, {"ask": "evidence", "file": name, "after": after})
            return b64decode(told["data"]), told["size"]
        except NotRunning as error:
            try:
                return piece(path.parent / FOLDER, name, after)
            except NoEvidence as none:
                raise Refused(str(none)) from None
            except OSError:
                raise error from None

    return piece_of
