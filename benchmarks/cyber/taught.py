"""A site that learns from the first frames of a capture, is then frozen as a person would, and goes on listening."""

from collections.abc import Iterable, Iterator

from feed import Site

from protocols.tap.capture.source import Captured


def taught(site: Site, found: Iterable[Captured], frames: int) -> Site:
    """Let a site learn from so many frames, and judge all that follow; it tells only of these."""
    return site.play(_frozen_after(site, found, frames))


def _frozen_after(site: Site, found: Iterable[Captured], frames: int) -> Iterator[Captured]:
    for number, each in enumerate(found):
        if number == frames:
            site.cyber.baseline.freeze()
            site.said.clear()
            site.happened.clear()
        yield each
