"""Blocks of the pages as a shell and its user see them: commands cut into words, and what a program said."""

import re
import shlex
from collections.abc import Iterator, Sequence


def commands(text: str) -> Iterator[Sequence[str]]:
    """Yield the words of each command of a block; comments, `sudo` and a `&` at the end are no part of it."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        words = words[words[:1] == ["sudo"] :]
        if words:
            yield words[: len(words) - (words[-1] == "&")]


def unseen(shown: str, said: str) -> Sequence[str]:
    """Return the lines of a page that no line of `said` is like.

    Two lines are alike when they differ in spaces and in words with a digit only; `…` and `...` are whatever there is.
    """
    lines = [" ".join(line.split()) for line in said.splitlines()]
    return [line for line in shown.splitlines() if line and not any(_pattern(line).fullmatch(each) for each in lines)]


def _pattern(line: str) -> re.Pattern[str]:
    return re.compile(" ".join(_like(word) for word in line.split()).replace(" .*", ".*").replace(".* ", ".*"))


def _like(word: str) -> str:
    if re.search(r"\d", word):
        return r"\S+"
    return ".*" if word in ("…", "...") else re.escape(word)
