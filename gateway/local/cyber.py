"""What the cyber checks have to look at: what they have learned, what each tap hears, and what found no room."""

from collections.abc import Mapping
from typing import Any, Protocol

from gateway.core.pipeline import Pipeline
from gateway.evidence.witness import Witness


class Tap(Protocol):
    """What is needed of a tap."""

    @property
    def counters(self) -> Mapping[str, Any]:
        """Return what it counts, by words."""


def cyber(pipeline: Pipeline, taps: Mapping[str, Tap], witness: Witness | None) -> Mapping[str, Any]:
    """Return the cyber part of the status; what is not at work is null.

    `waiting` facts wait for approval, `forgotten` ones found no room; of `evidence` those that are `lost` were refused
    by the disk, `skipped` alarms came too fast, and `let_go` made room.
    """
    return {
        "learning": _learning(pipeline),
        "taps": {name: dict(tap.counters) for name, tap in taps.items()},
        "evidence": None
        if witness is None
        else {
            "kept": witness.kept,
            "lost": witness.lost,
            "skipped": witness.skipped,
            "let_go": witness.shelf.let_go,
        },
    }


def _learning(pipeline: Pipeline) -> Mapping[str, Any] | None:
    baselines = pipeline.baselines().values()
    if not baselines:
        return None
    return {
        "frozen": any(each.frozen for each in baselines),
        "facts": sum(1 for each in baselines for _ in each.facts()),
        "waiting": sum(1 for each in baselines for _ in each.waiting()),
        "forgotten": sum(each.forgotten for each in baselines),
    }
