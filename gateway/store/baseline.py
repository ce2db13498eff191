"""The file of what people have signed as normal, `baseline.json` beside the store: readable, replaced whole.

    {"v":1,"cyber":{"v":1,"frozen":false,"since":{"new_talker":1795176000000000000},"facts":[
    ["new_talker","10.0.0.9","02:00:00:00:00:09",1795176000000000000,1795179600000000000,61,""]
    ],"waiting":[
    ]}}

A fact is check, key, value, first and last seen, how often, and who approved it, as `detectors.cyber.baseline` tells
it. It belongs to no points: a gateway that polls others still knows who is there. It is written hourly, at a stop, and
when a person has changed it. What of it is normal has a seal, which goes into the audit log before the file is written:
so a file that somebody else has edited, or taken away, is found.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import structlog

from gateway.store.files import read_at_most, replace_whole

log = structlog.get_logger()

FILE: Final = "baseline.json"
DAMAGED: Final = f"{FILE}.damaged"
"""The last one that could not be read, for a person to look at."""
BASELINE_BYTES: Final = 16 * 1024 * 1024
"""A larger file is neither written nor read: 2,048 facts of each of 25 checks are 6 MB, at 120 bytes each."""
VERSION: Final = 1
LISTS: Final = ("facts", "waiting")


def read(directory: Path) -> Mapping[str, Any] | None:
    """Return what was written last, by detector; nothing where there is none. A damaged one is set aside.

    None says that the disk refuses: then it must not be replaced either, for what it holds is not known.
    """
    try:
        found = read_at_most(directory / FILE, BASELINE_BYTES)
    except FileNotFoundError:
        return {}
    except OSError as error:
        log.warning("baseline_not_read", reason=str(error))
        return None
    try:
        return parsed(found)
    except ValueError as error:
        set_aside(directory, str(error))
        return {}


def parsed(content: bytes) -> Mapping[str, Any]:
    """Return what a file says, by detector.

    Raises:
        ValueError: it is no baseline of this version.
    """
    if len(content) > BASELINE_BYTES:
        raise ValueError(f"more than {BASELINE_BYTES} bytes")
    try:
        told = json.loads(content)
    except RecursionError:
        raise ValueError("no JSON of this form") from None
    if not isinstance(told, dict) or told.pop("v", None) != VERSION:
        raise ValueError(f"no baseline of version {VERSION}")
    return told


def ready(told: Mapping[str, Any]) -> tuple[bytes, str] | None:
    """Return what is to be written, and its seal; None when it is too large, or no baseline, which is said."""
    try:
        content = packed(told)
        return content, sealed(content)
    except ValueError as error:
        log.warning("baseline_not_kept", reason=str(error))
        return None


def write(directory: Path, content: bytes) -> bool:
    """Replace the file; it is on disk then. Return False when it is not: the old one is still there."""
    try:
        replace_whole(directory / FILE, content)
    except OSError as error:
        log.warning("baseline_not_kept", reason=str(error))
        return False
    return True


def sealed(content: bytes) -> str:
    """Return the SHA-256 of what a file says is normal: of all but how often, and when last, that was seen.

    Raises:
        ValueError: it is no baseline of this version.
    """
    seal = sha256()
    for name, baseline in sorted(parsed(content).items()):
        try:
            facts = sorted(
                [check, key, value, first_ns, by] for check, key, value, first_ns, _, _, by in baseline["facts"]
            )
            said = [name, baseline["frozen"], sorted(baseline["since"].items()), facts]
        except (LookupError, TypeError, AttributeError) as error:
            raise ValueError(f"no baseline: {error!r}") from None
        seal.update(json.dumps(said).encode())
    return seal.hexdigest()


def edited(directory: Path, seals: Sequence[str]) -> str:
    """Return what is wrong with the file when its seal must be one of `seals`, empty if nothing is.

    Raises:
        OSError: the disk refuses.
    """
    try:
        seal = sealed(read_at_most(directory / FILE, BASELINE_BYTES))
    except FileNotFoundError:
        return f"{FILE} is missing"
    except ValueError as error:
        return f"{FILE}: {error}"
    return "" if seal in seals else f"{FILE} has the seal {seal}, and {seals[-1]} was written"


def packed(told: Mapping[str, Any]) -> bytes:
    """Return the content of the file, a fact a line. What waits is left out first when it is too large.

    Raises:
        ValueError: it is too large all the same.
    """
    for kept in (told, {name: {**each, "waiting": []} for name, each in told.items()}):
        content = "".join(_pieces(kept)).encode(errors="replace")
        if len(content) <= BASELINE_BYTES:
            return content
    raise ValueError(f"{len(content)} bytes are over {BASELINE_BYTES}")


def set_aside(directory: Path, reason: str) -> None:
    """Rename a file that cannot be used, over the one that was set aside before, and say so."""
    log.warning("baseline_damaged", reason=reason, kept_as=DAMAGED)
    try:
        (directory / FILE).replace(directory / DAMAGED)
    except OSError as error:
        log.warning("baseline_not_read", reason=str(error))


def _pieces(told: Mapping[str, Any]) -> Iterator[str]:
    yield f'{{"v":{VERSION}'
    for name, baseline in told.items():
        head = {key: value for key, value in baseline.items() if key not in LISTS}
        yield f",{_json(name)}:{_json(head).removesuffix('}')}"
        for key in LISTS:
            yield f'{"," if head or key != LISTS[0] else ""}"{key}":[\n' + ",\n".join(map(_json, baseline[key])) + "\n]"
        yield "}"
    yield "}\n"


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
