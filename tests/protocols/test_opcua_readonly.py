"""OPC UA is read only: the gateway knows no service by which a server could be changed."""

import re
from pathlib import Path

import protocols.opcua
from protocols.opcua.codec import Service

ROOM = Path(protocols.opcua.__file__).parent
ALLOWED = {
    "GET_ENDPOINTS", "OPEN_SECURE_CHANNEL", "CLOSE_SECURE_CHANNEL", "CREATE_SESSION", "ACTIVATE_SESSION",
    "CLOSE_SESSION", "BROWSE", "BROWSE_NEXT", "READ", "CREATE_MONITORED_ITEMS", "CREATE_SUBSCRIPTION", "PUBLISH",
    "REPUBLISH",
}  # fmt: skip
CHANGING = re.compile(
    r"WriteRequest|CallRequest|CallMethod|HistoryUpdate|AddNodes|DeleteNodes|AddReferences|DeleteReferences|WriteValue"
    r"|write_attribute|write_value|set_value|call_method|asyncua"
)


def test_only_services_that_read_are_known():
    """The list of everything that is ever asked; writing is 673 and calling 712 (OPC 10000-6 annex A)."""
    assert {service.name for service in Service} == ALLOWED
    assert not {673, 712, 700, 488, 500} & set(Service)


def test_no_file_names_a_service_that_changes_anything():
    """Nor a client library, which can do all of them."""
    found = [(path.name, match[0]) for path in ROOM.glob("*.py") for match in CHANGING.finditer(path.read_text())]

    assert not found


def test_requests_go_out_at_one_place_by_a_known_service():
    """Everything is sent by Channel.send, whose first word is a Service."""
    sending = [path.name for path in ROOM.glob("*.py") if "_transport.write" in path.read_text()]

    assert sending == ["channel.py"]
