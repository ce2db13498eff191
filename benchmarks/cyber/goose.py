"""Forged, altered and deleted GOOSE (stage2_goose, qut_zss_goose): every added frame, and none of real faults.

Both come from test beds of a substation with line faults. The gateway has learned fault-free operation, as a site would
have, and knows no fault and no attack. `stage2_goose` are captures, a folder each with its label in the name: 0 and 1xx
without attack, 9xx with. `qut_zss_goose` are fields of frames, labelled one by one, of which frames are made anew here.

Where captures have no label a frame, an added one is told from the description: a frame of a second source; of a second
time within a state; or with the values before the fault once the fault has begun. A frame is found when its publisher's
alarm has a reason within `WITHIN_S`, which is what the tap says once a second.

What a relay says by itself under another's control, with the numbers and times as they should be, is no forgery on the
wire: altered messages are measured without a target.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from detectors.model import Finding
from feed import NS, Site, frames, loud
from protocols.tap.goosepdu import Pdu, parse
from protocols.tap.source import Captured
from rebuilt import Labelled, scenarios
from table import Line, none, share

WITHIN_NS = 2 * NS
ADDED, ALTERED, DELETED = "added", "altered", "deleted"
STAGE2 = {901: ADDED, 903: ADDED, 905: ADDED, 907: ADDED, 902: ALTERED, 904: ALTERED, 906: ALTERED, 908: ALTERED}
ZSS = {81: ADDED, 83: ADDED, 85: ADDED, 82: ALTERED, 84: ALTERED, 86: ALTERED, 87: DELETED}
"""By the first two figures of a label."""
POLICY = {"learn_s": 7 * 86_400}


@dataclass
class Score:
    """What was found of one kind of attack: frames, and captures with an alarm while it was on."""

    frames: int = 0
    found: int = 0
    captures: int = 0
    told: int = 0
    missed: tuple[str, ...] = ()
