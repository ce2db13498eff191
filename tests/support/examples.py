"""How many examples a property is tried with: some with every change, twenty times as many in `make slow`.

A property whose examples cost much or little names how many it is tried with: `@examples(5)`. All others: `USUAL`.
No example has a deadline: how long one takes on a busy machine says nothing of the code.
"""

from typing import Any

from hypothesis import settings

USUAL = 25
TIMES = 20
THOROUGH = "thorough"


def register() -> None:
    """Make both profiles known; `--hypothesis-profile=thorough` asks for the other one."""
    settings.register_profile("usual", max_examples=USUAL, deadline=None)
    settings.register_profile(THOROUGH, max_examples=USUAL * TIMES, deadline=None)
    settings.load_profile("usual")


def examples(count: int = USUAL, **keys: Any) -> settings:
    """Return settings for `count` examples, or for `TIMES` as many; `keys` are those of hypothesis."""
    return settings(max_examples=count * settings.default.max_examples // USUAL, **keys)
