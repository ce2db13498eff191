"""The page of what is normal: what a security officer reads, prints and signs. Its order is stable."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from gateway.local.page import Answer, Cell, Page

HEAD = ("state", "key", "value", "first seen", "last seen", ">times", "by")
COLOURS = {"normal": "", "waits": "warning"}


class LearnPage(Page):
    """Draws; as `Page` does."""

    def learn(self, told: Answer) -> str:
        """Return all of it: how learning is, each check with its facts, and how far the checks of values are."""
        return "\n\n".join([self._whole(told), *self._facts(told), *self._others(told)])

    def _whole(self, told: Answer) -> str:
        waiting = sum(fact["state"] == "waits" for fact in told["facts"])
        learning = (
            "frozen: nothing new is taken as normal" if told["frozen"] else "each check for its time, then frozen"
        )
        source = "" if told["running"] else "  as it was kept last; no gateway is running"
        return "\n".join([
            self._paint("what is normal here", "bold") + f"  {told['time'] or ''}{source}",
            f"  learning  {learning}",
            f"  normal    {len(told['facts']) - waiting}",
            "  waits     " + (self._paint(f"{waiting} for approval", "warning") if waiting else "0"),
        ])  # fmt: skip

    def _facts(self, told: Answer) -> Iterator[str]:
        for check, found in groupby(told["facts"], key=lambda fact: str(fact["check"])):
            share = told["share"].get(check)
            far = "" if share is None else f"  learned {share:.0%}"
            yield self._section(f"{check}{far}", self._table(HEAD, [_row(fact) for fact in found]))

    def _others(self, told: Answer) -> Iterator[str]:
        """Yield the state of the checks that learn numbers instead of facts."""
        others: Mapping[str, Any] = {name: each for name, each in told["learned"].items() if name != "cyber"}
        if others:
            yield self._section("other checks", self._checks(others))

    def done(self, told: Answer) -> str:
        """Return what an order has done, in a line."""
        words = {
            "freeze": "frozen: what is new waits for approval from now on",
            "approve": f"approved{': ' + told['value'] if told.get('value') else ''}",
            "relearn": f"{told.get('forgotten', 0)} facts forgotten; learning begins anew",
        }
        kept = "" if told["stored"] else "\nthe disk did not take it: it holds until the gateway stops"
        kept += "" if told["entered"] else "\nthe disk did not take its entry in the audit log yet"
        return self._paint(words[told["done"]], "") + self._paint(kept, "warning")


def _row(fact: Answer) -> Sequence[Cell]:
    return (
        (fact["state"], COLOURS[fact["state"]]),
        (fact["key"], ""),
        (fact["value"], ""),
        (fact["first"] or "", "dim"),
        (fact["last"] or "", "dim"),
        (str(fact["count"]), ""),
        (fact["by"] or ("learned" if fact["state"] == "normal" else ""), ""),
    )
