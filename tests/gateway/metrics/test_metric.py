"""The text of a metric, as Prometheus reads it; and what is read from a plant."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.metrics import process
from gateway.metrics.metric import Metric, text


def told(values, labels=("device",)):
    return text([Metric("m_total", "counter", "Help.", lambda _: values, labels)], None).decode()


def test_the_text():
    """Head once, a line a value; whole numbers without a point, others with all digits."""
    assert told([(("a",), 3), (("b",), 0.1 + 0.2), (("c",), True)]) == (
        "# HELP m_total Help.\n# TYPE m_total counter\n"
        'm_total{device="a"} 3\nm_total{device="b"} 0.30000000000000004\nm_total{device="c"} 1\n'
    )
    assert told([((), 2.0)], ()).endswith("\nm_total 2\n")


def test_what_is_not_known_is_left_out():
    """With its head, if nothing is left."""
    assert told([(("a",), None), (("b",), 1)]).count("\n") == 3
    assert told([(("a",), None)]) == ""


@pytest.mark.parametrize(("name", "written"), [('a"b', r"a\"b"), ("a\\b", r"a\\b"), ("a\nb", r"a\nb"), ("ü", "ü")])
def test_labels_are_escaped(name, written):
    """Whatever a url or a name holds, the line stays one line."""
    assert told([((name,), 1)]).endswith(f'm_total{{device="{written}"}} 1\n')


def test_what_is_no_number_is_told_so():
    """NaN and infinity, as the format has them."""
    assert (
        told([(("a",), float("nan")), (("b",), float("inf"))])
        .lower()
        .endswith('{device="a"} nan\nm_total{device="b"} inf\n')
    )


def test_the_process():
    """What the kernel tells of this process is plausible, and grows where it must."""
    before, opened = process.cpu_s(), process.open_files()
    with Path(os.devnull).open():
        assert process.open_files() == opened + 1
    while process.cpu_s() <= before:
        sum(range(10_000))

    assert 10_000_000 < process.resident_bytes() < 10_000_000_000
    assert 0 < time.time() - process.start_s() < 24 * 3600


def test_a_daemon_without_the_section_loads_none_of_it():
    """Nothing of the room is imported by the daemon's own modules."""
    program = (
        "import sys, gateway.app, gateway.loop, gateway.log; "
        "print([name for name in sys.modules if name.startswith('gateway.metrics')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "GRIDSENTINEL_PLAIN": "1"}, check=True, capture_output=True
    )

    assert done.stdout == b"[]\n"
