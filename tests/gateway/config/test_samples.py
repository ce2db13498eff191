"""The files in config/: they load, and gateway.yaml shows every key of the model with its default."""

import json
import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from gateway.config import keys, reader
from gateway.config.loader import LISTS, load
from gateway.config.model import Config

CONFIG = Path(__file__).parents[3] / "config"
COMMENTED_KEY = re.compile(r"^( *)#(\w+:)", re.MULTILINE)


def shown_default(key, field):
    """Write a default as the comments of gateway.yaml do."""
    if field.is_required():
        return "(required)"
    value = field.default
    if field.default_factory is dict:
        return "(default {})"
    if value is PydanticUndefined:
        return "(default all below)"
    if isinstance(value, tuple):
        return f"(default {json.dumps(value)})"
    words = {None: "none", True: "true", False: "false", "": '""'}
    text = words[value] if value is None or value == "" or isinstance(value, bool) else keys.amount(key, value)
    return f"(default {text})"


def places(cls, data, path=()):
    """Yield every key of the model below `cls`, with the first place where gateway.yaml has it."""
    for key, field in keys.fields(cls).items():
        inner = data.get(key) if isinstance(data, dict) else None
        yield cls, key, field, (*path, key) if isinstance(data, dict) and key in data else None
        if not path and key in LISTS:
            continue
        for below in keys.classes(field.annotation):
            first, at = (inner[0], (0,)) if isinstance(inner, list) and inner else (inner, ())
            yield from places(below, first, (*path, key, *at))


def every_place(document):
    """Yield the keys of all sections, protocols and detectors."""
    yield from places(Config, document.data)
    for key, (annotation, tag) in LISTS.items():
        for word, cls in keys.kinds(annotation, tag).items():
            found = [index for index, one in enumerate(document.data[key]) if one[tag] == word]
            assert found, f"gateway.yaml has no {tag} {word}"
            yield from places(cls, document.data[key][found[0]], (key, found[0]))


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.name)
def test_every_sample_loads(path):
    """What stands in config/ is well."""
    assert load(path)


@pytest.mark.parametrize("name", ["gateway.yaml", "minimal.yaml"])
def test_editors_find_the_schema(name):
    """The first line names the schema, which lies beside the file."""
    assert (CONFIG / name).read_text().startswith("# yaml-language-server: $schema=schema.json\n")


def test_gateway_yaml_shows_every_key_with_its_default():
    """A key of the model that gateway.yaml does not name, or names with another default, is a fault of ours."""
    text = COMMENTED_KEY.sub(r"\1\2", (CONFIG / "gateway.yaml").read_text())
    lines = text.splitlines()
    document = reader.read("gateway.yaml", text.encode())
    wrong = []
    for cls, key, field, path in every_place(document):
        line = lines[document.fault(path, "", at_key=True).line - 1] if path else ""
        default = "(required)" if key == "detector" else shown_default(key, field)
        if f"{key}:" not in line or not line.endswith(default):
            wrong.append(f"{cls.__name__}.{key} {default}: {line.strip()}")

    assert wrong == []


def test_gateway_yaml_is_narrow_enough_to_read():
    """Its longest line fits a laptop's terminal."""
    assert max(map(len, (CONFIG / "gateway.yaml").read_text().splitlines())) <= 130
