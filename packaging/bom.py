"""The software bill of materials (CycloneDX 1.5): what is inside, read from the metadata of what was installed."""

import json
import re
from collections.abc import Iterator, Mapping
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

NAMESPACES = re.compile(r"[-_.]+")


def document(site_packages: Path, *, name: str, version: str, hashes: Mapping[str, str]) -> str:
    """Return the bill of `site_packages`; `hashes` are the SHA-256 of the wheels by name. Same input, same text."""
    components = [_component(path, hashes) for path in sorted(site_packages.glob("*.dist-info/METADATA"))]
    return json.dumps(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": {"component": {"type": "application", "bom-ref": name, "name": name, "version": version}},
            "components": [each for each in components if each["name"] != name],
            "dependencies": list(_dependencies(site_packages, {each["name"]: each["bom-ref"] for each in components})),
        },
        indent=1,
    )


def plain(name: str) -> str:
    """Return the name of a package as indexes compare it (PEP 503)."""
    return NAMESPACES.sub("-", name).lower()


def _component(path: Path, hashes: Mapping[str, str]) -> dict[str, Any]:
    told = HeaderParser().parsestr(path.read_text(encoding="utf-8"))
    name, version = plain(told["Name"]), told["Version"]
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": _purl(name, version),
        "name": name,
        "version": version,
        "purl": _purl(name, version),
    }
    if licence := told["License-Expression"]:
        found["licenses"] = [{"expression": licence}]
    elif named := [text.rpartition(" :: ")[2] for text in told.get_all("Classifier", []) if text.startswith("License")]:
        found["licenses"] = [{"license": {"name": each}} for each in named]
    if name in hashes:
        found["hashes"] = [{"alg": "SHA-256", "content": hashes[name]}]
    return found


def _dependencies(site_packages: Path, refs: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield what asks for what, of that which is there: the extras that were taken are not told by the metadata."""
    for path in sorted(site_packages.glob("*.dist-info/METADATA")):
        told = HeaderParser().parsestr(path.read_text(encoding="utf-8"))
        name = plain(told["Name"])
        asked = {plain(re.split(r"[^\w.-]", each, maxsplit=1)[0]) for each in told.get_all("Requires-Dist", [])}
        ref = name if name == "gridsentinel" else refs[name]
        yield {"ref": ref, "dependsOn": sorted(refs[each] for each in asked & refs.keys() if each != name)}


def _purl(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version}"
