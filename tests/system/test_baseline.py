"""What is normal outlives the daemon, a reload and other points; a damaged file costs the learning and nothing else."""

import asyncio
import json
import os
import signal

from gateway.cli import main
from gateway.store.audit import lines
from gateway.store.chain import opened, verified

FACT = ["new_talker", "10.0.0.9", "02:00:00:00:00:09", 1_795_176_000 * 10**9, 1_795_176_060 * 10**9, 5, ""]
WAITS = ["new_talker", "10.0.0.66", "", 1_795_176_120 * 10**9, 1_795_176_120 * 10**9, 1, ""]
TOLD = {"v": 1, "frozen": False, "since": {"new_talker": 1}, "facts": [FACT], "waiting": [WAITS]}


def talkers(file, word="facts"):
    """Return what is kept of who is there; what the gateway knows of itself comes when it comes."""
    return [fact for fact in json.loads(file.read_text())["cyber"][word] if fact[0] == "new_talker"]


async def test_over_restarts_and_reloads(daemon, device):
    """A person approves what waits; it is normal after a kill, a reload with other points, and with the check off."""
    daemon.write([device.config("d1")])
    file = daemon.state_dir / "baseline.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"v": 1, "cyber": TOLD}))
    await daemon.start()
    await daemon.answering()
    approve = ["learn", str(daemon.file), "approve", "new_talker", "10.0.0.66"]
    assert await asyncio.to_thread(main, approve) == 0
    await daemon.kill()
    approved = [*WAITS[:4], talkers(file)[1][4], 1, f"uid {os.getuid()}"]
    assert talkers(file) == [FACT, approved]

    daemon.write([device.config("d1")], detectors=[{"detector": "cyber", "enabled": False}])
    await daemon.start()
    daemon.write([device.config("d1", points=3)])
    daemon.send(signal.SIGHUP)
    await daemon.noticed("READY=1", times=2)
    await daemon.stop()

    assert (talkers(file), talkers(file, "waiting")) == ([FACT, approved], [])
    entries = [opened(line) for line in lines(daemon.state_dir)]
    learned = [(entry["who"], entry["detail"]["outcome"]) for entry in entries if entry["what"] == "learn"]
    assert learned == [(f"uid {os.getuid()}", "done")]
    assert verified(lines(daemon.state_dir)).broken is None


async def test_a_damaged_file(daemon, device):
    """It is set aside with one line, whether it is no JSON or no baseline, and the gateway works."""
    daemon.write([device.config("d1")])
    file = daemon.state_dir / "baseline.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    for content in (b"\0", b'{"v":1,"cyber":{"v":1,"facts":[[]]}}'):
        file.write_bytes(content)
        await daemon.start(daemon.patient)
        await daemon.stop()
        assert file.with_name("baseline.json.damaged").read_bytes() == content

    assert daemon.log.count("baseline_damaged") == 2
    assert talkers(file) == []


async def test_a_disk_that_does_not_read(daemon, device):
    """What was normal is neither replaced nor forgotten by a run that could not read it."""
    daemon.write([device.config("d1")])
    file = daemon.state_dir / "baseline.json"
    file.mkdir(parents=True)
    (file / "kept").touch()
    await daemon.start()
    daemon.send(signal.SIGHUP)
    await daemon.noticed("READY=1", times=2)
    await daemon.stop()

    assert (file / "kept").exists()
    assert daemon.log.count("baseline_not_read") == 1
    assert "baseline_not_kept" not in daemon.log
