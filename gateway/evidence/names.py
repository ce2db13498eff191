"""Names of evidence, pure: known with the alarm, before any file is there, and never a path.

    20261120T120000123Z-unauthorised_write-1f3a9c04          an exhibit: UTC, kind of the alarm, hash of its id and time
    20261120T120000123Z-unauthorised_write-1f3a9c04.pcapng   one of its files

The time stands first, so that the order of the names is that of the alarms.
"""

import re
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from gateway.core.messages import Alarm

SUFFIXES: Final = ("json", "pcapng", "csv")
"""What it is and the hashes of the others; the frames; the readings."""
KIND_MAX: Final = 32
"""Characters of the kind in a name."""
LAST_NS: Final = 2**63 - 1
_ID: Final = r"[0-9]{8}T[0-9]{9}Z-[a-z0-9_]{1,32}-[0-9a-f]{8}"
EXHIBIT: Final = re.compile(_ID, re.ASCII)
FILE: Final = re.compile(rf"({_ID})\.({'|'.join(SUFFIXES)})", re.ASCII)
OURS: Final = re.compile(rf"({_ID})\.(?:{'|'.join(SUFFIXES)})(?:\.new)?", re.ASCII)
"""A file of ours, also one that a kill left unfinished."""


def exhibit_of(alarm: Alarm) -> str:
    """Return the name of the evidence of `alarm` as it is now."""
    time_ns = min(max(alarm.last_ns, 0), LAST_NS)
    seconds, rest_ns = divmod(time_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%S")
    kind = re.sub(r"[^a-z0-9_]", "_", alarm.kind.lower())[:KIND_MAX] or "_"
    digest = sha256(f"{alarm.id}\0{alarm.last_ns}".encode(errors="replace")).hexdigest()[:8]
    return f"{moment}{rest_ns // 1_000_000:03d}Z-{kind}-{digest}"
