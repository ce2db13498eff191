"""The formats by their name in the configuration."""

from gateway.config.model import Identity, Uplink
from gateway.uplink.format import Format, Sources
from gateway.uplink.json import JsonFormat


def build(uplink: Uplink, identity: Identity, sources: Sources) -> Format:
    """Return the format that `uplink.format` names."""
    match uplink.format:
        case "json":
            return JsonFormat(identity, sources)
        case "sparkplug_b":  # imported only when it is spoken: the protobuf runtime is optional and takes 3 MB
            from gateway.uplink.sparkplug.format import SparkplugFormat  # noqa: PLC0415

            return SparkplugFormat(uplink, identity, sources)
