"""What a section of the configuration asks for, and a reload may begin, move or end."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Following(Generic[T]):
    """A task that a section of the configuration asks for: begun anew when that changes, ended when it is gone."""

    def __init__(self, name: str, run: Callable[[T], Coroutine[Any, Any, None]]) -> None:
        self._name, self._run = name, run
        self._served: T | None = None
        self._task: asyncio.Task[None] | None = None

    async def follow(self, wanted: T | None, group: asyncio.TaskGroup) -> None:
        """Do what the section says now, in place of what it said before."""
        if wanted == self._served:
            return
        await self.close()
        self._served = wanted
        if wanted is not None:
            self._task = group.create_task(self._run(wanted), name=self._name)

    async def close(self) -> None:
        """End it, and wait for its end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
