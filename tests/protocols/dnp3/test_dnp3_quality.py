"""The mapping of flags to quality, bit by bit."""

import numpy as np
import pytest

from protocols.dnp3.config import TYPES
from protocols.dnp3.objects import GROUPS, STATIC_GROUP
from protocols.dnp3.quality import QUALITY
from protocols.model import Quality

Q = Quality


@pytest.mark.parametrize("kind", sorted(QUALITY))
@pytest.mark.parametrize(("flags", "expected"), [
    (0x01, Q.GOOD), (0x00, Q.INVALID), (0x03, Q.RESTART), (0x02, Q.RESTART | Q.INVALID),
    (0x05, Q.COMM_LOST | Q.OLD), (0x09, Q.SUBSTITUTED), (0x11, Q.SUBSTITUTED), (0x19, Q.SUBSTITUTED),
])  # fmt: skip
def test_what_all_kinds_share(kind, flags, expected):
    """ONLINE, RESTART, COMM_LOST, REMOTE_FORCED and LOCAL_FORCED mean the same everywhere."""
    assert QUALITY[kind][flags] == expected


@pytest.mark.parametrize(("kind", "flags", "expected"), [
    ("binary", 0x21, Q.OSCILLATORY), ("binary", 0x81, Q.GOOD), ("binary", 0x41, Q.GOOD),
    ("double", 0x21, Q.OSCILLATORY), ("double", 0x81, Q.GOOD), ("double", 0xC1, Q.QUESTIONABLE | Q.INCONSISTENT),
    ("binary_output", 0x81, Q.GOOD), ("binary_output", 0x21, Q.GOOD),
    ("counter", 0x21, Q.OVERFLOW), ("counter", 0x41, Q.INCONSISTENT), ("frozen", 0x41, Q.INCONSISTENT),
    ("analog", 0x21, Q.OVERFLOW | Q.QUESTIONABLE), ("analog", 0x41, Q.BAD_REFERENCE),
    ("frozen_analog", 0x41, Q.BAD_REFERENCE), ("analog_output", 0x21, Q.OVERFLOW | Q.QUESTIONABLE),
])  # fmt: skip
def test_what_each_kind_has_of_its_own(kind, flags, expected):
    """Chatter, rollover, discontinuity, over-range, reference error, and the states of two contacts."""
    assert QUALITY[kind][flags] == expected


def test_every_kind_has_a_type_a_group_and_a_quality():
    """An address that can be configured can be decoded, and the other way round."""
    assert set(TYPES) == set(QUALITY) == set(STATIC_GROUP) == {group.kind for group in GROUPS.values()}
    assert all(table.dtype == np.uint16 and table.shape == (256,) for table in QUALITY.values())
