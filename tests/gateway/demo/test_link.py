"""The link of the demonstration: what either side does to a connection ends it, and nothing else."""

import asyncio
import gc

from gateway.demo.link import Link


async def test_a_side_that_leaves_is_no_fault():
    """Both sides see the end, whoever leaves first; no task ends with an error that nobody looks at."""
    faults, gone = [], asyncio.Queue()
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))

    async def answer(reader, writer):
        await gone.put(await reader.read())
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        link = Link(*server.sockets[0].getsockname())
        await link.mend()
        async with asyncio.timeout(30):
            for _ in range(3):
                _, writer = await asyncio.open_connection("127.0.0.1", link.port)
                writer.write(b"x")
                await writer.drain()
                writer.close()
                assert await gone.get() in (b"", b"x")
        await link.cut()

        gc.collect()
        await asyncio.sleep(0)

    assert faults == []
