"""`gridsentinel schema`: the JSON Schema of the configuration, so that editors complete and check it while typing."""

import argparse
import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from gateway.config import Config, keys

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to FILE instead of the standard output")


def run(arguments: argparse.Namespace) -> int:
    """Write the schema."""
    if arguments.output is None:
        print(text(), end="")
    else:
        arguments.output.write_text(text())
    return 0


def text() -> str:
    """Return the schema as config/schema.json keeps it."""
    found = TypeAdapter(Config).json_schema()
    definitions = found.pop("$defs")
    for cls in keys.all_classes(Config):
        described = found if cls is Config else definitions[cls.__name__]
        described["properties"] = {key: _property(cls, key, described) for key in keys.fields(cls)}
    head = {"$schema": DIALECT, "title": "GridSentinel configuration"}
    return json.dumps(head | found | head | {"$defs": definitions}, indent=2) + "\n"


def _property(cls: Any, key: str, described: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one key, with the docstring of the class that has it; a title would only repeat the key."""
    found = {word: value for word, value in described["properties"][key].items() if word != "title"}
    about = keys.about(cls, key)
    return {"description": about} | found if about else found
