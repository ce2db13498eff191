"""The simulated outstation is patient: an answer in several fragments is given up only if a confirm is missing."""

import asyncio

from simulator import dnp3_server

CONFIRM_S = 0.4
POINTS = {f"p{index}": f"analog:{index}" for index in range(1000)}


async def test_answers_of_many_fragments_come_to_their_end(server, reader, monkeypatch):
    """Polled without a pause for several times as long as a confirm is waited for: every poll has every point."""
    monkeypatch.setattr(dnp3_server, "CONFIRM_S", CONFIRM_S)
    monkeypatch.setattr(dnp3_server, "LOOK_S", 0.001)
    outstation = server.outstations[10]
    for index in range(20, 1000):
        outstation.add("analog", index, float(index))
    one = reader(server.port, POINTS, timeout_s=10)
    await one.driver.connect()
    end_s = asyncio.get_running_loop().time() + 4 * CONFIRM_S
    while asyncio.get_running_loop().time() < end_s:
        [batch] = await one.read()

        assert len(batch) == 1000
