"""The formats by their name in the configuration."""

from gateway.config.model import Identity, Uplink
from gateway.uplink.format import Format, Sources
from gateway.uplink.json import JsonFormat


def build(uplink: Uplink, identity: Identity, sources: Sources) -> Format:
    """Return the format that `uplink.format` names."""
    match uplink.format:
        case "json":
            return JsonFormat(identity, sources)
