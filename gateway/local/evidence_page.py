"""What a person sees of the evidence: which there is, and what an exhibit holds."""

from collections.abc import Iterator

from gateway.local.page import Answer, Page

ALARMS = 12
"""Alarms of an exhibit on the page; --json has more."""


class EvidencePage(Page):
    """Draws; as `Page` does."""

    def evidence(self, told: Answer) -> str:
        """Return the list, the newest first."""
        rows = [
            (
                (each["id"], ""),
                (" ".join(sorted(name.rpartition(".")[2] for name in each.get("files", ()))) or "unfinished", ""),
                (each["alarms"][0]["severity"], each["alarms"][0]["severity"]) if each.get("alarms") else ("", ""),
                (each["alarms"][0]["text"], "") if each.get("alarms") else ("", ""),
            )
            for each in told["evidence"]
        ]
        parts = [self._table(("id", "files", "severity", "first alarm"), rows) if rows else "no evidence yet"]
        if numbers := told.get("numbers"):
            parts.append(
                "  since the start: " + ", ".join(f"{n} {word.replace('_', ' ')}" for word, n in numbers.items())
            )
        return "\n".join(parts)

    def exhibit(self, told: Answer) -> str:
        """Return what one exhibit holds."""
        return "\n".join(self._lines(told["evidence"][0], told.get("audit", "")))

    def _lines(self, told: Answer, audit: str) -> Iterator[str]:
        yield self._paint(told["id"], "bold")
        yield f"  {told['from']} to {told['until']}"
        yield f"  {told['frames']} frames, {told['frames_left_out']} left out"
        yield f"  {told['readings']} readings, {told['readings_left_out']} left out"
        for alarm in told["alarms"][:ALARMS]:
            technique = f"  {alarm['technique']}" if alarm["technique"] else ""
            yield f"  {self._paint(alarm['severity'], alarm['severity'])}{technique}  {self._paint(alarm['text'], '')}"
        more = len(told["alarms"]) - ALARMS + told["alarms_more"]
        if more > 0:
            yield f"  and {more} more alarms"
        for name, file in told["files"].items():
            yield f"  {name}  {file['bytes']} bytes  sha256 {file['sha256']}"
        if audit:
            yield f"  {audit}"
