"""The answers of the status socket about evidence: which there is, and its files in bounded pieces."""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.evidence.reading import NoEvidence, described, listed, piece
from gateway.evidence.witness import Witness
from gateway.local.server import NotKnown

DISK_S = 3.0
"""How long an answer waits for the disk, which may hang."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Reads `folder`; `witness` is who keeps it, None where nobody does."""

    folder: Path
    witness: Callable[[], Witness | None]

    async def answer(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer which there is, what one exhibit is, or a piece of a file.

        Raises:
            NotKnown: there is no such evidence, or the disk does not say.
        """
        try:
            async with asyncio.timeout(DISK_S):
                return await asyncio.to_thread(self._answer, asked)
        except (NoEvidence, OSError, TimeoutError) as error:
            raise NotKnown(f"evidence: {error or 'the disk does not answer'}") from None

    def _answer(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        match asked.get("id"), asked.get("file"), asked.get("after", 0):
            case None, None, _:
                return {"evidence": listed(self.folder), "numbers": self._numbers()}
            case str(exhibit), None, _:
                return {"evidence": [described(self.folder, exhibit)]}
            case None, str(name), int(after) if after >= 0:
                data, size = piece(self.folder, name, after)
                return {"file": name, "size": size, "data": b64encode(data).decode()}
        raise NoEvidence("an id, or a file and how many bytes of it are there")

    def _numbers(self) -> Mapping[str, int] | None:
        witness = self.witness()
        if witness is None:
            return None
        shelf = witness.shelf
        return {"kept": witness.kept, "lost": witness.lost, "skipped": witness.skipped, "let_go": shelf.let_go}
