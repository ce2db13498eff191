"""Asks a running gateway over its status socket; blocking, for commands."""

import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.config.files import document
from gateway.local.server import SOCKET, short

PATIENCE_S = 10.0
"""Longer than the gateway lets anybody wait for his turn."""
ANSWER_BYTES = 64 * 1024 * 1024
"""Longest answer that is taken: 200,000 devices."""
STATE_DIR = Path("/var/lib/gridsentinel")


class NotRunning(Exception):
    """Nobody answers: says where, in one sentence."""


class Refused(Exception):
    """The gateway cannot answer this: says why."""


def state_dir(file: Path) -> Path:
    """Return where the gateway of the configuration `file` keeps its state. The rest of the file may be wrong.

    Raises:
        ConfigError: it is no YAML.
    """
    data = document(file).data
    section = data.get("gateway") if isinstance(data, dict) else None
    said = section.get("state_dir") if isinstance(section, dict) else None
    return file.parent / said if isinstance(said, str) else STATE_DIR


def ask(path: Path, question: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of the gateway whose socket is `path`.

    Raises:
        NotRunning: nobody answers there.
        Refused: it answers that it cannot.
    """
    try:
        answer = json.loads(_told(path, json.dumps(question).encode() + b"\n"))
    except FileNotFoundError:
        raise NotRunning(f"no gateway is running: there is no {path}") from None
    except ConnectionRefusedError:
        raise NotRunning(f"no gateway is running: nobody listens at {path}") from None
    except (OSError, ValueError) as error:
        raise NotRunning(f"the gateway does not answer at {path}: {error}") from None
    if "error" in answer:
        raise Refused(answer["error"])
    return dict(answer)


def points(path: Path, device: str) -> dict[str, Any]:
    """Return all points of `device`, in one answer.

    Raises:
        NotRunning, Refused: as `ask` does.
    """
    answer = ask(path, {"ask": "points", "device": device})
    while len(answer["points"]) < answer["count"]:
        more = ask(path, {"ask": "points", "device": device, "after": len(answer["points"])})
        if not more["points"]:
            break  # a reload has made them fewer
        answer["points"] |= more["points"]
    return answer


def facts(path: Path) -> dict[str, Any]:
    """Return all that is normal and all that waits, in one answer.

    Raises:
        NotRunning, Refused: as `ask` does.
    """
    question = {"ask": "learn", "do": "show"}
    answer = ask(path, question)
    while len(answer["facts"]) < answer["count"]:
        more = ask(path, {**question, "after": len(answer["facts"])})
        if not more["facts"]:
            break  # they have become fewer meanwhile
        answer["facts"] += more["facts"]
    return answer


def _told(path: Path, question: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as sock, short(path.parent) as place:
        sock.settimeout(PATIENCE_S)
        sock.connect(str(place / path.name))
        sock.sendall(question)
        return b"".join(_pieces(sock))


def _pieces(sock: socket.socket) -> Iterator[bytes]:
    size = 0
    while piece := sock.recv(65536):
        size += len(piece)
        if size > ANSWER_BYTES:
            raise ValueError(f"an answer of more than {ANSWER_BYTES} bytes")
        yield piece


__all__ = ["SOCKET", "NotRunning", "Refused", "ask", "facts", "points", "state_dir"]
