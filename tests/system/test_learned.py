"""What the checks have learned outlives the daemon, and is let go of when it means something else."""

import json
import signal


async def test_over_restarts(daemon, device):
    """A restart takes it up; other points, or a file that was spoilt, begin anew, and that is said."""
    daemon.write([device.config("d1")])
    await daemon.start(daemon.patient)
    await daemon.stop()
    file = daemon.state_dir / "learned.state"
    first = file.read_bytes()
    await daemon.start(daemon.patient)
    await daemon.stop()
    assert "learning_anew" not in daemon.log

    daemon.write([device.config("d1", points=3)])
    await daemon.start(daemon.patient)
    await daemon.stop()
    assert "it belongs to other points" in daemon.log
    file.write_bytes(first[:-1])
    await daemon.start(daemon.patient)
    await daemon.stop()

    assert "its checksum is wrong" in daemon.log
    assert daemon.log.count("learning_anew") == 2


async def test_over_a_reload(daemon, device):
    """A reload goes on with what was learned of the points that stay; what looks at all of them begins anew."""
    daemon.write([device.config("d1")])
    await daemon.start()
    daemon.send(signal.SIGHUP)
    await daemon.noticed("READY=1", times=2)
    assert "learning_anew" not in daemon.log

    daemon.write([device.config("d1", points=3)])
    daemon.send(signal.SIGHUP)
    await daemon.noticed("READY=1", times=3)
    await daemon.stop()

    (anew,) = (json.loads(line) for line in daemon.log.splitlines() if "learning_anew" in line)
    assert anew["reason"] == "it belongs to other points"
    assert not {"deviation", "pattern", "limits", "rate", "stale", "comm_lost"} & set(anew["checks"])
