"""The services of OPC UA (OPC 10000-4; numbers of the binary encoding, OPC 10000-6 annex): name, and what each does."""

from typing import Final, NamedTuple


class Service(NamedTuple):
    """A request: its name, the number of its answer, and the action that it is."""

    name: str
    answer: int
    action: str


_TABLE: Final = """
FindServers 422 discover            FindServersOnNetwork 12208 discover  GetEndpoints 428 discover
RegisterServer 437 config           RegisterServer2 12211 config         OpenSecureChannel 446 read
CloseSecureChannel 452 read         CreateSession 461 session            ActivateSession 467 session
CloseSession 473 session            Cancel 479 session                   AddNodes 488 config
AddReferences 494 config            DeleteNodes 500 config               DeleteReferences 506 config
Browse 527 discover                 BrowseNext 533 discover              TranslateBrowsePathsToNodeIds 554 discover
RegisterNodes 560 read              UnregisterNodes 566 read             QueryFirst 615 discover
QueryNext 621 discover              Read 631 read                        HistoryRead 664 read
Write 673 write                     HistoryUpdate 700 write              Call 712 control
CreateMonitoredItems 751 read       ModifyMonitoredItems 763 read        SetMonitoringMode 769 read
SetTriggering 775 read              DeleteMonitoredItems 781 read        CreateSubscription 787 read
ModifySubscription 793 read         SetPublishingMode 799 read           Publish 826 read
Republish 832 read                  TransferSubscriptions 841 session    DeleteSubscriptions 847 read
"""
_WORDS: Final = _TABLE.split()
SERVICES: Final = {
    int(number): Service(name, int(number) + (1 if int(number) > 12000 else 3), action)
    for name, number, action in zip(_WORDS[0::3], _WORDS[1::3], _WORDS[2::3], strict=True)
}
"""Requests by number."""
ANSWERS: Final = {one.answer: number for number, one in SERVICES.items()}
"""Numbers of requests by those of their answers."""
FAULT: Final = 397
"""Answers any request that failed as a whole."""
OPEN, CREATE, ACTIVATE, READ, WRITE, CALL = 446, 461, 467, 631, 673, 712
"""Requests that are looked into."""
DISCOVERY: Final = frozenset({422, 428, OPEN, 452, 12208})
"""What a client asks in a channel without security before it opens the one that it means."""
