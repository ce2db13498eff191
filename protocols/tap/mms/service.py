"""The services of MMS (ISO 9506-2 clause 7.3): name, and what it does to the device that it is asked of."""

from typing import Final, NamedTuple


class Service(NamedTuple):
    """A confirmed service. `action` is empty for what is plain reading, `discover` for what is asked to find out."""

    name: str
    action: str


_TABLE: Final = """
0 status discover            1 getNameList discover       2 identify discover           3 rename config
4 read read                  5 write write                6 getVariableAccessAttributes discover
7 defineNamedVariable config 8 defineScatteredAccess config
9 getScatteredAccessAttributes discover                   10 deleteVariableAccess config
11 defineNamedVariableList config                         12 getNamedVariableListAttributes discover
13 deleteNamedVariableList config                         14 defineNamedType config
15 getNamedTypeAttributes discover                        16 deleteNamedType config
17 input control             18 output control            19 takeControl control        20 relinquishControl control
21 defineSemaphore config    22 deleteSemaphore config    23 reportSemaphoreStatus discover
24 reportPoolSemaphoreStatus discover                     25 reportSemaphoreEntryStatus discover
26 initiateDownloadSequence program                       27 downloadSegment program
28 terminateDownloadSequence program                      29 initiateUploadSequence program
30 uploadSegment program     31 terminateUploadSequence program
32 requestDomainDownload program                          33 requestDomainUpload program
34 loadDomainContent program 35 storeDomainContent program
36 deleteDomain critical     37 getDomainAttributes discover
38 createProgramInvocation program                        39 deleteProgramInvocation critical
40 start critical            41 stop critical             42 resume critical            43 reset critical
44 kill critical             45 getProgramInvocationAttributes discover
46 obtainFile file           47 defineEventCondition config
48 deleteEventCondition config                            49 getEventConditionAttributes discover
50 reportEventConditionStatus discover                    51 alterEventConditionMonitoring config
52 triggerEvent control      53 defineEventAction config  54 deleteEventAction config
55 getEventActionAttributes discover                      56 reportEventActionStatus discover
57 defineEventEnrollment config                           58 deleteEventEnrollment config
59 alterEventEnrollment config                            60 reportEventEnrollmentStatus discover
61 getEventEnrollmentAttributes discover                  62 acknowledgeEventNotification write
63 getAlarmSummary read      64 getAlarmEnrollmentSummary read
65 readJournal read          66 writeJournal write        67 initializeJournal critical
68 reportJournalStatus discover                           69 createJournal config       70 deleteJournal critical
71 getCapabilityList discover                             72 fileOpen file              73 fileRead file
74 fileClose file            75 fileRename file           76 fileDelete file            77 fileDirectory file
"""
_WORDS: Final = _TABLE.split()
SERVICES: Final = tuple(map(Service, _WORDS[1::3], _WORDS[2::3]))
"""By number."""
READ, WRITE = 4, 5
UNKNOWN: Final = Service("unknown", "config")
"""A service that is not in the standard: it may do anything."""

_REPORTING: Final = frozenset({"RP", "BR", "LG"})
_PUBLISHING: Final = frozenset({"GO", "GS", "MS", "US"})
WEIGHT: Final = {"session": 0, "read": 1, "write": 2, "config": 3, "select": 4, "control": 5}
"""Of a message about many items, the action with the largest weight is told."""


def service(number: int) -> Service:
    """Return the service of a number."""
    return SERVICES[number] if number < len(SERVICES) else UNKNOWN


def written(item: str) -> str:
    """Return what writing to an item does: IEC 61850-8-1 has `LN$FC$DO...`, a control ends in Oper, SBOw or Cancel.

    Client and server agree on reports by writing to report control blocks, so that is `session`.
    """
    parts = item.rpartition("/")[2].split("$")
    constraint = parts[1] if len(parts) > 1 else ""
    if constraint == "CO":
        return "select" if "SBOw" in parts or "SBO" in parts else "control"
    if constraint in _REPORTING:
        return "session"
    return "config" if constraint in _PUBLISHING else "write"


def asked(item: str) -> str:
    """Return what reading an item does: SBO of a control selects it (IEC 61850-8-1 clause 20)."""
    return "select" if item.endswith("$SBO") and "$CO$" in item else "read"
