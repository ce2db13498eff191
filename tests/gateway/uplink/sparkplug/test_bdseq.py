"""The number of a death: one more with each CONNECT, over restarts and crashes, and on disk before it is used."""

import asyncio

from spb import Connect

from gateway.config.model import StoreBudget
from gateway.store.store import Store
from gateway.uplink.sparkplug.bdseq import BdSeq


async def test_it_counts_over_restarts(tmp_path):
    """Each attempt takes the next number, 255 to 0, and a new process goes on where the last one was."""
    taken = []
    for _ in range(3):
        store = await Store.open(tmp_path, StoreBudget())
        bdseq = BdSeq(store)
        for _ in range(100):
            await bdseq.reserve()
            taken.append(bdseq.take())
        await store.close()

    assert taken == [n % 256 for n in range(300)]


async def test_a_crash_repeats_no_number(tmp_path):
    """What was reserved is on disk: nobody else takes it, even when nothing more was written."""
    store = await Store.open(tmp_path, StoreBudget(commit_s=60))
    first = BdSeq(store)
    await first.reserve()
    other = BdSeq(store)
    await other.reserve()

    assert (first.take(), other.take()) == (0, 1)
    await store.close()


async def test_an_attempt_that_never_connects_takes_none(stage):
    """A broker that cannot be reached costs no number: each CONNECT has one more than the one before."""
    await stage.wire.close()
    publisher = stage.start()
    while publisher.last_error == "":  # noqa: ASYNC110 - a state has no event
        await asyncio.sleep(0.01)
    await stage.wire.mend()
    await stage.until(lambda: stage.said("NBIRTH"))
    connects = [Connect.of(packet) for packet in stage.wire.packets if packet.ours and packet.kind == "connect"]

    assert len(connects) == 1
    assert stage.said("NBIRTH")[0]["bdSeq"].long_value == 0
