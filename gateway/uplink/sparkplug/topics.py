"""The topics of one edge node (Sparkplug 3.0 clause 4.1): the site is the group, the gateway the edge node."""

from dataclasses import dataclass

NAMESPACE = "spBv1.0"


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of `gateway.site` and `gateway.name` have no character that a topic forbids (`protocols.settings.Name`)."""

    group: str
    node: str

    def of_node(self, verb: str) -> str:
        """Return the topic of NBIRTH, NDATA, NDEATH or NCMD."""
        return f"{NAMESPACE}/{self.group}/{verb}/{self.node}"

    def of_device(self, verb: str, device: str) -> str:
        """Return the topic of DBIRTH, DDATA or DDEATH."""
        return f"{NAMESPACE}/{self.group}/{verb}/{self.node}/{device}"


def state_of(host: str) -> str:
    """Return where a host application says whether it is there."""
    return f"{NAMESPACE}/STATE/{host}"
