"""The daemon keeps evidence of a critical alarm; a kill before it is written costs that evidence and nothing else."""

import asyncio
import json

from captured import pcap, polls

from gateway.cli import main
from gateway.store.audit import lines
from gateway.store.chain import opened, verified
from protocols.tap.capture.pcap import Capture


def limited(device, after_s):
    """Return a configuration with a point that is critical above 100, and how long is waited after an alarm."""
    config = device.config("d1")
    config["points"][0]["limits"] = {"high": 100, "severity": "critical"}
    return {"devices": [config], "evidence": {"after_s": after_s}}


def entered(daemon):
    """Return what the audit log says of evidence."""
    entries = [opened(line) for line in lines(daemon.state_dir)]
    return [entry["detail"] for entry in entries if entry and entry["what"] == "evidence"]


async def named(book):
    """Wait for the alarm and return the name of its evidence."""
    await book.until(lambda book: "files" in book.alarms().get("d1/p0/limit_high", {}).get("evidence", {}))
    return book.alarms()["d1/p0/limit_high"]["evidence"]["files"]


async def test_an_alarm_and_its_files(daemon, device, book, capsys):
    """From a value that is too high to a table of all readings around it, fetched from the running daemon."""
    daemon.write(**limited(device, 0.5))
    await daemon.start()
    await device.answered(5)
    device.registers[0] = 101
    name = await named(book)
    while not entered(daemon):  # noqa: ASYNC110 - a file sends no event
        await asyncio.sleep(0.05)
    output = daemon.file.parent / "case.csv"
    words = ["status", str(daemon.file), "--evidence", name, "--output", str(output), "--json"]
    assert await asyncio.to_thread(main, words) == 0
    told = json.loads(capsys.readouterr().out)
    await daemon.stop()

    rows = [line.split(",") for line in output.read_text().splitlines()[1:]]
    values = [float(value) for _, point, value, *_ in rows if point == '"d1.p0"']
    assert values[0] == 0
    assert values[-1] == 101
    assert len(rows) == told["evidence"][0]["readings"] == 2 * len(values)
    assert "has these hashes" in told["audit"]
    assert main(["status", str(daemon.file), "--evidence", name]) == 0


async def test_a_kill_between_the_alarm_and_the_file(daemon, device, book, capsys):
    """The alarm names what never came: that is said; after a restart the alarm keeps its name and works go on."""
    daemon.write(**limited(device, 60))
    await daemon.start()
    await device.answered(2)
    device.registers[0] = 101
    name = await named(book)
    await daemon.kill()
    assert main(["status", str(daemon.file), "--evidence", name]) == 1
    assert "ended before it was written" in capsys.readouterr().err
    await daemon.start()
    await device.answered(device.answers[1] + 3)
    await daemon.stop()

    assert entered(daemon) == []
    assert verified(lines(daemon.state_dir)).broken is None
    assert not (daemon.state_dir / "evidence").exists()


async def test_a_write_on_the_wire(daemon, book, tmp_path):
    """A stranger writes to a relay: the alarm names a capture, and in it is the frame that did it."""
    frames = list(polls("10.0.0.66", "10.0.0.11", 20, write_at=(10,)))
    pcap(tmp_path / "wire.pcap", [(n * 50_000_000, frame) for n, frame in enumerate(frames)])
    tap = {"name": "wire", "protocol": "tap", "file": str(tmp_path / "wire.pcap")}
    policy = {"detector": "cyber", "masters": ["10.0.0.1"]}
    daemon.write([tap], detectors=[policy], evidence={"after_s": 1})
    await daemon.start()
    await book.until(lambda book: any("unauthorised_write" in id_ for id_ in book.alarms()))
    (alarm,) = (each for id_, each in book.alarms().items() if "unauthorised_write" in id_)
    while not entered(daemon):  # noqa: ASYNC110 - a file sends no event
        await asyncio.sleep(0.05)
    await daemon.stop()

    captured = Capture(daemon.state_dir / "evidence" / f"{alarm['evidence']['files']}.pcapng")
    found = [bytes(frame) for frame, *_ in captured.frames()]
    assert frames[2 + 2 * 10] in found
    assert set(found) <= set(frames)
    captured.close()
    assert captured.notes == []
