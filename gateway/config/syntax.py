"""What a YAML parser complains about, in the words of somebody who does not write parsers."""

import re

TAB = "a tab stands where spaces belong: YAML is indented with spaces"
INDENTED = "the indentation does not fit the lines above, or a quote or bracket is not closed"
COLON = "a ':' where none can be: indent like the lines above, or put a text with ': ' in quotes"
PLAIN: tuple[tuple[str, str], ...] = (
    ("mapping values are not allowed", COLON),
    (r"'-' indicator|block collection", "no entry of the list above: start the line with '-', or indent it like a key"),
    (r"expected key|<block end>", INDENTED),
    (r"expected ',' or '\]'", "a list that began with '[' in line {began} lacks a ',' or its ']'"),
    (r"expected ',' or '\}'", "a mapping that began with '{{' in line {began} lacks a ',' or its '}}'"),
    (r"could not find expected ':'", "a key without ':' after it"),
    ("end of stream", "a text in quotes is never closed"),
    ("document separator", "a text in quotes is never closed"),
    ("escape", r"an unknown escape: in double quotes write \\ for \, or use single quotes"),
    ("node content", "a value is missing here, or a bracket is closed that was never opened"),
    ("document start", "something follows the end of the configuration: indent it like the lines above"),
    ("tab character", TAB),
)  # fmt: skip
"""What libyaml or PyYAML say (a pattern), and what we say."""


def plain_words(problem: str, *, before: str, character: str, began: int) -> str:
    """Return `problem` in plain words.

    `before` is its line up to `character`, where it was noticed; `began` is the line of the bracket around it.
    """
    if "cannot start any token" in problem:
        return TAB if character == "\t" else f"a text cannot start with {character}: put it in quotes"
    if "\t" in before and not before.strip():
        return TAB
    return next((text.format(began=began) for pattern, text in PLAIN if re.search(pattern, problem)), problem)
