"""Real packet sockets, in a network namespace of their own: what the ring and plain receiving hear of a wire."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = Path(__file__).parent / "wire_script.py"


@pytest.fixture(scope="module")
def told():
    """Return what was heard; a machine that gives nobody a namespace cannot tell."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("no unshare or no ip")
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespaces here")
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, str(SCRIPT)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(params=["ring", "plain"])
def one(told, request):
    return told[request.param]


def test_frames_come_whole_with_vlan_and_time(one):
    """The tag that the kernel took off is told beside the frame; sampled values never come."""
    goose = "0200000000bb0200000000aa88b8" + "00" * 100
    other = "02000000ffff0200000000aa88b8" + "00" * 100
    inner = "0200000000bb0200000000aa8100002a88b8" + "00" * 100

    assert one["frames"] == [[goose, 0, 114], [goose, 42, 114], [inner, 7, 118], [other, 0, 114]]
    assert one["in_time"]
    assert one["dropped"] == 0


def test_what_came_too_fast_is_counted(one):
    """All that was sent was either heard or dropped."""
    heard, dropped = one["flood"]

    assert dropped > 0
    assert heard + dropped == 40_000


def test_promiscuous_only_where_it_was_asked_for(one):
    """Not even for a moment otherwise: a switch or a host could notice."""
    assert (one["promiscuity"], one["promiscuous"]) == ("0", "1")


def test_an_interface_that_goes_down_is_a_lost_link(one):
    """While listening and at the start, with its name."""
    assert one["gone"].endswith("Network is down")
    assert one["down"] == "interface t1: Network is down"
