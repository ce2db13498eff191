"""A name of evidence is known with the alarm, sorts by its time, and is never a path."""

from hypothesis import given
from hypothesis import strategies as st

from detectors.model import Severity
from gateway.core.messages import Alarm, AlarmState
from gateway.evidence.names import EXHIBIT, FILE, exhibit_of

LAST_NS = 2**63 - 1


def alarm(id_="d/cb/unauthorised_write", kind="unauthorised_write", time_ns=1_795_176_000_123_456_789):
    return Alarm(
        id=id_, state=AlarmState.ACTIVE_UNACKED, severity=Severity.CRITICAL, kind=kind, detector="cyber", device="d",
        points=(), first_ns=time_ns, last_ns=time_ns, count=1, text="t", active=True,
    )  # fmt: skip


def test_a_name():
    """UTC to the millisecond, the kind, and eight digits of the alarm's own."""
    name = exhibit_of(alarm())

    assert name.startswith("20261120T120000123Z-unauthorised_write-")
    assert name == exhibit_of(alarm())
    assert name[-8:] != exhibit_of(alarm("d/cc/unauthorised_write"))[-8:]


@given(st.text(st.characters(codec=None), max_size=60), st.text(st.characters(codec=None), max_size=60),
       st.integers(-(2**70), 2**70))  # fmt: skip
def test_whatever_the_alarm_is_called(id_, kind, time_ns):
    """Only letters, digits, hyphens and underlines, of a bounded length: a file name on any system."""
    name = exhibit_of(alarm(id_, kind, time_ns))

    assert EXHIBIT.fullmatch(name)
    assert FILE.fullmatch(f"{name}.pcapng")
    assert len(name) <= 61


@given(st.integers(0, LAST_NS), st.integers(0, LAST_NS))
def test_the_order_of_names_is_that_of_time(one, other):
    """Down to the millisecond."""
    earlier, later = sorted([one, other])
    names = [exhibit_of(alarm(time_ns=each)) for each in (earlier, later)]

    assert names == sorted(names) or earlier // 1_000_000 == later // 1_000_000
