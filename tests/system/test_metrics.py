"""The page of numbers of a real daemon: there when the configuration asks for it, true, and gone when it does not."""

import asyncio
import gzip
import json
import signal
import urllib.error
import urllib.request
from contextlib import suppress

import pytest
from collector import Receiver
from ports import free_port

from gateway.metrics.table import METRICS


def fetched(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.read().decode()


def parsed(page):
    """Return each value by its name with its labels."""
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in page.splitlines() if line[0] != "#"}


async def served(port):
    """Return when the page is there."""
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError):
                assert "gridsentinel_info" in await asyncio.to_thread(fetched, port, "/metrics")
                return


async def test_the_numbers_are_true(daemon, device, book):
    """Against what the device answered and the consumer got; every metric of the table, but what is not there."""
    port = free_port()
    daemon.write(
        [device.config("d1"), {**device.config("d2"), "url": "tcp://127.0.0.1:1"}],
        metrics={"listen": f"127.0.0.1:{port}"},
    )
    await daemon.start()
    await book.until(lambda book: "d2/comm_lost" in book.alarms() and book.windows("d1"))
    answers = device.answers[1]
    await device.answered(answers + 1)  # so those before have arrived
    page = await asyncio.to_thread(fetched, port, "/metrics")
    told, line = parsed(page), f'{{line="{device.url}"}}'

    assert [told[f'gridsentinel_device_up{{device="{name}"}}'] for name in ("d1", "d2")] == [1, 0]
    assert answers <= told['gridsentinel_device_scans_total{device="d1"}'] <= device.answers[1]
    assert (told[f"gridsentinel_line_up{line}"], told["gridsentinel_uplink_up"]) == (1, 1)
    assert 0 < told[f"gridsentinel_line_busy_seconds_total{line}"] < 30
    assert told['gridsentinel_points{quality="good"}'] == 2
    assert told['gridsentinel_store_numbered_messages_total{stream="telemetry"}'] >= len(book.windows("d1"))
    assert told["process_resident_memory_bytes"] == pytest.approx(daemon.rss_kib() * 1024, rel=0.1)
    absent = {"gridsentinel_store_full_seconds", "gridsentinel_tap_count"}
    absent |= {each.name for each in METRICS if "_local_page_" in each.name or "_otel_" in each.name}
    heads = [line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")]
    assert [name for name in heads if name not in absent] == [each.name for each in METRICS if each.name not in absent]
    await health_as_upstream(port, book)


async def health_as_upstream(port, book):
    """Wait until the page says of the gateway's health what was said upstream."""

    async def said():
        health = json.loads(await asyncio.to_thread(fetched, port, "/health"))
        return [health[key] == book.read().status[key] for key in ("state", "health")]

    async with asyncio.timeout(30):
        while not all(await said()):  # noqa: ASYNC110 - a page sends no event
            await asyncio.sleep(0.1)


async def test_a_reload_moves_it(daemon, device):
    """To another port, and off."""
    first, second = free_port(), free_port()
    daemon.write([device.config("d1")], metrics={"listen": f"127.0.0.1:{first}"})
    await daemon.start()
    await served(first)
    daemon.write([device.config("d1")], metrics={"listen": f"127.0.0.1:{second}"})
    daemon.send(signal.SIGHUP)
    await daemon.noticed("READY=1", times=2)

    await served(second)
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(fetched, first, "/metrics")
    daemon.write([device.config("d1")])
    daemon.send(signal.SIGHUP)
    await daemon.noticed("READY=1", times=3)
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(fetched, second, "/metrics")
    assert await daemon.stop() < 2


def caught_up(receiver):
    """Push something of our own, and drop all that came before it."""
    ours = urllib.request.Request(f"http://127.0.0.1:{receiver.port}/ours", gzip.compress(b"{}"))
    urllib.request.urlopen(ours, timeout=30).close()
    while receiver.next().path != "/ours":
        pass


async def test_a_collector_gets_them(daemon, device, book):
    """The same metrics with the same labels, without a page; a reload ends it, and no header is in the log."""
    receiver, secret = Receiver(), "s3cr3t-of-the-collector"
    headers = daemon.file.parent / "headers"
    headers.write_text(f"Authorization: Bearer {secret}\n")
    headers.chmod(0o600)
    otel = {"url": f"http://127.0.0.1:{receiver.port}", "every_s": 1, "headers_file": str(headers)}
    daemon.write([device.config("d1")], otel=otel)
    await daemon.start()
    await book.until(lambda book: book.windows("d1"))
    await asyncio.to_thread(receiver.next)
    answers, push = device.answers[1], await asyncio.to_thread(receiver.next)
    while not push.values("gridsentinel_device_scans_total")["d1",] >= answers:
        push = await asyncio.to_thread(receiver.next)

    assert push.headers["authorization"] == f"Bearer {secret}"
    assert push.values("gridsentinel_device_up") == {("d1",): 1}
    assert push.values("gridsentinel_otel_sent_total")[()] >= 1
    absent = {"gridsentinel_store_full_seconds", "gridsentinel_tap_count"}
    there = [each.name for each in METRICS if each.name not in absent and "_page" not in each.name]
    assert [name for name in push.metrics if name not in absent] == there
    daemon.write([device.config("d1")])
    daemon.send(signal.SIGHUP)
    await daemon.noticed("READY=1", times=2)
    await asyncio.to_thread(caught_up, receiver)
    await device.answered(device.answers[1] + 20)
    assert receiver.pushes.empty()
    assert await daemon.stop() < 2
    assert secret not in daemon.log
    receiver.close()
