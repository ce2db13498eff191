"""The Debian releases a package is made for, and what each of them fixes: the Python, and the wheels that run there."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Release:
    """One Debian release. `glibc` is its minor version: newer wheels do not load there."""

    name: str
    number: int
    python: str
    glibc: int


RELEASES: Final = {
    each.name: each
    for each in (
        Release("bookworm", 12, "3.11", 36),
        Release("trixie", 13, "3.13", 41),
    )
}
MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
"""Debian's word for an architecture, and that of wheels and of `platform_machine`."""


def platforms(release: Release, architecture: str) -> list[str]:
    """Return the tags of the wheels that load there, the best first; manylinux2014 is the old name of 2_17."""
    machine = MACHINES[architecture]
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(release.glibc, 16, -1)]
    return [*tags, f"manylinux2014_{machine}"]
