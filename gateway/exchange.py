"""From one plant to the next, while what did not change goes on: a reload, or a memory that can be read at last.

what changed is stopped ─► all that came is carried ─► the new one takes over ─► what is new is started
                          '──────── who reads something meanwhile waits to hand it on ────────┘
"""

import asyncio

from gateway.memory import Memory
from gateway.plant import Plant
from gateway.running import Running


async def exchange(running: Running, new: Plant, group: asyncio.TaskGroup, *, older: Memory | None = None) -> None:
    """Go on with `new`, which takes over what the plant at work knows.

    With `older`, the memory of the store that could not be read before: then every conversation begins anew, for
    drivers look there where they stood.
    """
    old, flow = running.plant, running.plant.flow
    stay = {} if older else old.staying(new.config)
    await old.leave(stay)
    async with flow.still():
        new.pipeline.take_over(old.pipeline, [name for each in stay.values() for name in each.devices])
        await flow.keep(old.pipeline.flush(running.clock()))
        said = new.succeed(old, stay, older or Memory())  # and nobody is asked between this and the next line
        running.plant, running.config = new, new.config
        await flow.keep(said)
    await old.close()
    await asyncio.sleep(0)  # to take over takes a while, too
    await new.converse(group)
