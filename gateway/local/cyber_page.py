"""What a person sees of the cyber checks on the page of the status: a line for each of their parts."""

from collections.abc import Iterator, Mapping
from typing import Any

LOST = ("dropped", "evicted", "untold", "faults")
GONE = ("lost", "skipped", "let_go")


def cyber_lines(cyber: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield lines and their colours."""
    learning, evidence = cyber["learning"], cyber["evidence"]
    if learning is None:
        yield "not at work", "dim"
    else:
        state = "frozen" if learning["frozen"] else "each check learns for its time"
        line = f"{learning['facts']} facts are normal, {learning['waiting']} wait for approval; {state}"
        yield line + _told(learning, ("forgotten",)), "warning" if learning["waiting"] else ""
    for name, tap in cyber["taps"].items():
        colour = "warning" if tap["dropped"] or tap["faults"] or tap["source"] in ("plain", "none") else ""
        yield (
            f"{name} hears {tap['per_s']} frames/s by {tap['source']}, {tap['frames']} so far{_told(tap, LOST)}",
            colour,
        )
    if evidence is not None:
        yield (
            f"evidence of {evidence['kept']} alarms kept{_told(evidence, GONE)}",
            "warning" if evidence["lost"] else "",
        )


def _told(numbers: Mapping[str, Any], words: tuple[str, ...]) -> str:
    """Return those of the numbers that are not zero: `, 3 dropped`."""
    return "".join(f", {numbers[word]} {word.replace('_', ' ')}" for word in words if numbers[word])
