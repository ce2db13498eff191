"""GOOSE that says it is a test, a simulation or not commissioned, and did not say so before."""

from collections.abc import Mapping
from typing import ClassVar, Final

from detectors.cyber.check import Check
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

FLAGS: Final[Mapping[str, str]] = {
    "simulation": "it says that it is simulated: subscribers in simulation mode prefer it to the relay",
    "test": "it says that it is a test: subscribers out of test mode ignore it",
    "nds_com": "it says that it needs commissioning: subscribers ignore it",
}


class GooseTestFlag(Check):
    """Finds flags that are newly set; one that was set while learning is told once, as info, and is normal then."""

    NAME: ClassVar[str] = "goose_test_flag"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset({EventKind.PUBLISHER})
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0856",)
    ADVICE: ClassVar[str] = "ask who tests; without a test, look for the switch port of the source"

    def event(self, seen: Event) -> None:
        """Look at one flag that was set, or cleared; and who is new, or silent, has those set no longer that he had."""
        if not isinstance(seen, Sighting):
            return
        ref = str(seen.facts.get("ref", seen.source))
        if seen.function in FLAGS and seen.facts.get("value") is not False:
            self._is_set(seen, ref)
        elif seen.function in FLAGS or seen.function in ("new", "expired"):
            for flag in FLAGS:
                if seen.function in (flag, "expired") or seen.facts.get(flag) is False:
                    self.over(seen, _subject(ref, flag))

    def _is_set(self, seen: Sighting, ref: str) -> None:
        key = f"{ref} {seen.source} {seen.function}"
        verdict = self.desk.baseline.meet(self.NAME, key, self.desk.now_ns)
        if verdict == "known":
            return
        normal = verdict == "learned" or self.desk.maintenance
        self.alarm(
            seen,
            f"GOOSE {ref}: {FLAGS[seen.function]}",
            subject=_subject(ref, seen.function),
            severity=Severity.INFO if normal else Severity.WARNING,
            evidence=self.lasts(key) if verdict == "new" else {},
        )


def _subject(ref: str, flag: str) -> str:
    return f"{ref.replace('/', '.')}-{flag}"
