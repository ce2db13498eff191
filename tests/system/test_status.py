"""`gridsentinel status` of a real daemon, and what its audit log proves, also when it is down."""

import asyncio
import json

import pytest

from gateway.cli import main

EVERY_S = 0.1
"""How often the devices of these tests are polled."""


@pytest.fixture
def status(daemon, capsys):
    """Run the command on the daemon's configuration; return its exit code, what it printed, and what it said else."""

    async def status(*words):
        capsys.readouterr()
        code = await asyncio.to_thread(main, ["status", *words, *(() if "--socket" in words else (str(daemon.file),))])
        return code, *capsys.readouterr()

    return status


async def agreed(status, book):
    """Return what the gateway says of itself once it is what it told upstream: its state, and its last alarm."""
    async with asyncio.timeout(30):
        while True:
            code, said, _ = await status("--json")
            assert code == 0
            told, upstream = json.loads(said), (book.read().status.get("state"), max(book.streams["alarm"]))
            if (told["state"], told["ledger"]["alarm"]["last"]) == upstream:
                return told
            await asyncio.sleep(0.1)


async def entries(status):
    code, said, _ = await status("--audit", "--json")
    assert code == 0
    return [json.loads(line) for line in said.splitlines()]


async def test_a_running_gateway(daemon, device, book, status):
    """Devices, points, alarms, uplink, store and ledger, for a machine and for a person; the numbers of upstream."""
    device.registers[0] = 250
    config = device.config("d1")
    config["points"][0]["limits"] = {"high": 200}
    daemon.write([config, {**device.config("d2"), "url": "tcp://127.0.0.1:1"}])
    await daemon.start()
    await book.until(lambda book: {"d1/p0/limit_high", "d2/comm_lost"} <= book.alarms().keys())
    await book.emptied(daemon)
    told = await agreed(status, book)

    assert (told["v"], told["clock"]) == (1, book.status["clock"])
    assert {name: each["online"] for name, each in told["devices"].items()} == {"d1": True, "d2": False}
    assert {alarm["id"] for alarm in told["alarms"]["worst"]} >= {"d1/p0/limit_high", "d2/comm_lost"}
    assert told["uplink"]["connected"]
    assert {stream: numbers["lost"] for stream, numbers in told["ledger"].items()} == dict.fromkeys(book.streams, 0)
    code, page, _ = await status("--socket", str(daemon.state_dir / "status.sock"))
    assert code == 0
    assert all(word in page for word in ("d1", "d2", "silent", "connected", "limit_high", "delivery"))
    code, said, _ = await status("--points", "d1", "--json")
    point = json.loads(said)["points"]["p0"]
    assert (code, point["value"], point["q"], point["quality"], point["age_s"] < 5) == (0, 250.0, 0, [], True)
    assert (await status("--points", "d9"))[::2] == (1, "no device 'd9', only d1, d2\n")


async def test_many_who_ask_disturb_no_poll(daemon, device, book):
    """A hundred questions at once: no poll is skipped for them, and everybody is answered."""
    daemon.write([device.config("d1", points=100)])
    await daemon.start()
    await book.until(lambda book: book.windows("d1"))

    before, began_waiting_s = await daemon.asked(), daemon.waited_s()
    answers = []
    for _ in range(10):
        answers += await asyncio.gather(*(daemon.asked() for _ in range(10)))
    after, late_s = await daemon.asked(), daemon.waited_s() - began_waiting_s

    assert len(answers) == 100
    assert after["devices"]["d1"]["skipped"] - before["devices"]["d1"]["skipped"] <= 1 + late_s / EVERY_S
    assert after["devices"]["d1"]["timeouts"] == 0


async def test_a_gateway_that_is_down(daemon, device, status):
    """One sentence and exit code 1: before it was started, after it was killed, after it was stopped.

    Its audit log can be checked all the same; what somebody has changed in it is named.
    """
    daemon.write([device.config("d1")])
    never = await status()
    await daemon.start()
    await device.answered(3)
    await daemon.kill()
    killed = await status("--json")
    await daemon.start(daemon.patient)
    await daemon.stop()
    stopped = await status()

    sock = daemon.state_dir / "status.sock"
    assert never == stopped == (1, "", f"no gateway is running: there is no {sock}\n")
    assert killed == (1, "", f"no gateway is running: nobody listens at {sock}\n")
    assert (await status("--audit"))[0] == 0
    log = daemon.state_dir / "audit.jsonl"
    log.write_bytes(log.read_bytes().replace(b"stopped", b"starved"))
    code, _, said = await status("--audit")
    assert (code, said[:29]) == (1, "BROKEN: line 4, after entry 3")


async def test_the_audit_log_of_some_runs(daemon, device, book, status):
    """Starts, stops and kills, reloads, and every command with who asked; whole, also while the gateway is down.

    The status upstream bore witness: cutting off the end of the log would show there.
    """
    daemon.write([device.config("d1")])
    await daemon.start()
    await device.answered(3)
    await daemon.kill()
    await daemon.start(daemon.patient)
    await book.until(lambda book: book.status.get("audit", {}).get("entries") == 2)
    book.command("1", do="ack", alarm="none", by="anna")
    book.command("1", do="ack", alarm="none", by="anna")
    book.command("2", do="rebirth", by="ben", expires="2020-01-01T00:00:00Z")
    book.command("3", do="open", by="eve")
    await book.until(lambda book: book.replies.keys() >= {"1", "2", "3"})
    daemon.write([device.config("d1", every_s=0.2)])
    daemon.send(1)
    await daemon.noticed("READY=1", times=2)
    daemon.write([device.config("d1", every_s=0)])
    daemon.send(1)
    await daemon.noticed("READY=1", times=3)
    await book.until(lambda book: book.status["audit"]["entries"] == 8)
    witnessed = book.status["audit"]["hash"]
    await daemon.stop()
    found = await entries(status)

    said = [(entry["what"], entry["who"], entry["detail"].get("outcome")) for entry in found]
    assert said == [
        ("started", "gateway", None),
        ("started", "gateway", None),
        ("command", "anna", "refused"),
        ("command", "anna", "repeated"),
        ("command", "ben", "expired"),
        ("command", "unknown", "malformed"),
        ("reload", "gateway", "good"),
        ("reload", "gateway", "refused"),
        ("baseline", "gateway", None),
        ("stopped", "gateway", None),
    ]
    assert [entry["detail"].get("previous") for entry in found[:2]] == ["none", "unclean"]
    assert "stopped_uncleanly" in daemon.log
    assert found[7]["hash"] == witnessed
    assert found[6]["detail"]["config"] != found[0]["detail"]["config"]
    await book.until(lambda book: book.birth["config_hash"] == found[6]["detail"]["config"])
    code, page, _ = await status("--audit")
    assert (code, page.splitlines()[-1]) == (0, f"newest hash {found[-1]['hash']}")


async def test_no_command_reaches_a_device(daemon, device, book):
    """Whatever is commanded, a device is asked to be read, function 3, and nothing else."""
    functions = set()
    honest = device.conduct

    def noted(transport, request):
        functions.add(request[7])
        honest(transport, request)

    device.conduct = noted
    daemon.write([device.config("d1")])
    await daemon.start()
    await book.until(lambda book: book.birth)
    verbs = ("ack", "shelve", "unshelve", "rebirth", "gaps", "write", "open", "close", "select", "operate", "trip")
    for verb in verbs:
        book.command(verb, do=verb, alarm="d1/p0", until="2099-01-01", by="eve")
        book.command(f"{verb}+", do=verb, device="d1", point="p0", value="1", address="holding:0")
    await book.until(lambda book: len(book.replies) == 2 * len(verbs))
    await device.answered(device.answers[1] + 10)

    assert functions == {3}
    assert {id_ for id_, reply in book.replies.items() if reply["ok"]} == {"rebirth", "gaps"}
