"""The files of the page itself, which hold no data: read at the start, known by their names and by nothing else."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.http.message import Answer, Question

FOLDER: Final = Path(__file__).parent / "assets"
FILES_BYTES: Final = 1024 * 1024
"""All of them together; what is beyond is not served."""
KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
FRESH: Final = {"Cache-Control": "no-cache"}
"""A browser keeps them and asks whether they are still the same: after an upgrade they are not."""


class Files:
    """Answers for `/` and `/assets/NAME`; `known` are they by their names."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.known = _read(folder)

    def answer(self, question: Question) -> Answer | None:
        """Return the file that is asked for; None where there is none."""
        name = "index.html" if question.path == "/" else question.path.removeprefix("/assets/")
        found = self.known.get(name) if question.path in ("/", f"/assets/{name}") else None
        if found is None:
            return None
        if question.method not in ("GET", "HEAD"):
            return Answer(405, "text/plain", b"", {"Allow": "GET, HEAD"})
        if question.headers.get("if-none-match") == (found.headers or {})["ETag"]:
            return Answer(304, headers=found.headers)
        return found


def _read(folder: Path) -> Mapping[str, Answer]:
    """Return what is there, by its name below `folder`."""
    found, room = {}, FILES_BYTES
    for path in sorted(folder.rglob("*")):
        if path.suffix in KINDS and path.is_file() and not path.is_symlink() and path.stat().st_size <= room:
            body = path.read_bytes()
            room -= len(body)
            mark = {"ETag": f'"{hashlib.sha256(body).hexdigest()[:16]}"', **FRESH}
            found[path.relative_to(folder).as_posix()] = Answer(200, KINDS[path.suffix], body, mark)
    return found
