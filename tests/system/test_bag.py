"""Ten devices, six of them sick in six ways: the others do not notice, and the operator hears of each sick one once."""

import asyncio
import itertools
import time

EVERY_S = 0.5
LONG_S = 9.0
LINES = 40
"""Lines of log for all of it: each sick device lost, what it did, and what that made of the health."""


async def bag(make_device):
    """Return the healthy devices and the configuration of all ten."""
    conducts = {"silent": "silent", "slow": "slow", "half": "half", "garbage": "garbage"}
    good = {name: make_device() for name in ("a", "b", "c", "shared")}
    bad = {name: make_device() for name in ("refused", *conducts)}
    for name, conduct in conducts.items():
        bad[name].conduct = getattr(bad[name], conduct)
    good["shared"].hung = {2}
    for name, device in (good | bad).items():
        if name != "refused":
            await device.start()
    config = [device.config(name, every_s=EVERY_S) for name, device in (good | bad).items()]
    config.append(good["shared"].config("hung", unit=2, every_s=EVERY_S, timeout_s=0.4))
    return good, config


async def test_sick_devices_stay_alone(daemon, make_device, book):
    """The healthy keep their interval, also behind a shared port; each sick one is one alarm; the log stays short."""
    good, config = await bag(make_device)
    daemon.write(config, poll={"retry_first_s": 1, "retry_max_s": 30})
    await daemon.start(daemon.patient)
    before = (await daemon.asked())["devices"]
    began_s, began_cpu_s, began_waiting_s = time.monotonic(), daemon.cpu_s(), daemon.waited_s()
    await asyncio.sleep(LONG_S)
    busy = (daemon.cpu_s() - began_cpu_s) / (time.monotonic() - began_s)
    sick = {device["name"] for device in config} - good.keys()
    await book.until(lambda book: {alarm["device"] for alarm in book.streams["alarm"].values()} == sick)
    told = (await daemon.asked())["devices"]
    late_s = daemon.waited_s() - began_waiting_s
    await daemon.stop()
    await book.until(lambda book: book.status.get("reason") == "stopped")

    assert {name for name, state in told.items() if not state["online"]} == sick
    assert max(told[name]["skipped"] - before[name]["skipped"] for name in good) <= late_s / EVERY_S
    for name, device in good.items():
        pauses = [later - earlier for earlier, later in itertools.pairwise(device.asked_s[1][1:]) if earlier > began_s]
        assert max(pauses) < EVERY_S + (0.45 if name == "shared" else 0.2) + late_s
        assert device.answers[1] - book.readings(name) in (0, 1)
        full = [window["points"]["p1"]["n"] for window in book.windows(name)[1:-1]]
        assert abs(sum(full) - len(full) / EVERY_S) <= 1 + late_s / EVERY_S

    alarms = [(alarm["device"], alarm["kind"], alarm["state"]) for alarm in book.streams["alarm"].values()]
    assert sorted(alarms) == sorted((name, "comm_lost", "active_unacked") for name in sick)
    lines = daemon.log.splitlines()
    assert len(lines) < LINES, "\n".join(lines)
    assert busy < 0.2
