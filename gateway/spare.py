"""Memory that is free goes back to the system: what is needed for a moment only is not kept for ten years.

glibc keeps what was freed below something that is still used, and a reload frees a plant below the next one.
"""

import gc
from collections.abc import Callable
from functools import cache


def give_back() -> None:
    """Return the free pages of the heap; it takes some milliseconds, and a thread may do it beside the event loop."""
    _trim()(0)


def collect() -> None:
    """Free what only holds itself, as a conversation that has ended, and give it back."""
    gc.collect()
    give_back()


@cache
def _trim() -> Callable[[int], object]:
    """Return malloc_trim(3), where the C library has it: that of GNU."""
    import ctypes  # noqa: PLC0415 - it takes a moment, and a start has none

    return getattr(ctypes.CDLL(None), "malloc_trim", lambda _kept_bytes: 0)
