"""Which devices share a conversation, and what people call it."""

from collections.abc import Iterable, Mapping, Sequence

from protocols.config import Device


def conversations(devices: Iterable[Device]) -> Mapping[str, Sequence[Device]]:
    """Return the devices of each conversation by its name, which is its url where no other has the same."""
    shared: dict[tuple[str, str], list[Device]] = {}
    for device in devices:
        if device.points:
            shared.setdefault((device.protocol, device.endpoint), []).append(device)
    named: dict[str, Sequence[Device]] = {}
    for (_, endpoint), members in shared.items():
        line = getattr(members[0], "url", endpoint)
        named[f"{line}#{members[0].name}" if line in named else line] = members
    return named
