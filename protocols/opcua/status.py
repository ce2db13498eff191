"""OPC UA status codes as quality: what a server has against a value, in the gateway's words.

A status code is 32 bits (OPC 10000-4 clause 7.38): severity in the two highest, the condition in the sixteen highest,
and where bit 10 says so the limit and overflow bits of a data value in the lowest.

    | severity 2 | condition 14 | structure, semantics 2 | reserved 2 | info type 2 | limit 2 | overflow 1 | 7 |
"""

from typing import Final

from protocols.model import Quality

CONDITION: Final = 0xFFFF_0000
_SEVERITY: Final = 0xC000_0000
_UNCERTAIN: Final = 0x4000_0000
_DATA_VALUE: Final = 0x0400
_LIMITED: Final = 0x0300
_CONSTANT: Final = 0x0300
_OVERFLOW: Final = 0x0480

GOOD: Final = 0
BAD_TIMEOUT: Final = 0x800A_0000
BAD_NO_SUBSCRIPTION: Final = 0x8079_0000
FORGOTTEN: Final = frozenset({0x8025_0000, 0x8026_0000, 0x8027_0000, 0x8028_0000, BAD_NO_SUBSCRIPTION})
"""The session, or a subscription of it, is no more: BadSessionIdInvalid, BadSubscriptionIdInvalid and their kin."""
BAD_TOO_MANY_PUBLISH_REQUESTS: Final = 0x8078_0000
FILTER_REFUSED: Final = frozenset({0x8043_0000, 0x8044_0000, 0x8045_0000, 0x808E_0000})
"""A dead-band this server or this node cannot have: BadMonitoredItemFilterInvalid and its kin."""

_REFERENCE: Final = Quality.INVALID | Quality.BAD_REFERENCE
_LOST: Final = Quality.INVALID | Quality.COMM_LOST
_FAILED: Final = Quality.INVALID | Quality.FAILURE
_DOUBTED: Final = Quality.QUESTIONABLE

CODES: Final[dict[int, tuple[str, Quality]]] = {
    0x0030_0000: ("GoodClamped", Quality.OUT_OF_RANGE),
    0x0096_0000: ("GoodLocalOverride", Quality.SUBSTITUTED),
    0x408F_0000: ("UncertainNoCommunicationLastUsableValue", _DOUBTED | Quality.OLD | Quality.COMM_LOST),
    0x4090_0000: ("UncertainLastUsableValue", _DOUBTED | Quality.OLD),
    0x4091_0000: ("UncertainSubstituteValue", _DOUBTED | Quality.SUBSTITUTED),
    0x4092_0000: ("UncertainInitialValue", _DOUBTED | Quality.RESTART),
    0x4093_0000: ("UncertainSensorNotAccurate", _DOUBTED | Quality.INACCURATE),
    0x4094_0000: ("UncertainEngineeringUnitsExceeded", _DOUBTED | Quality.OUT_OF_RANGE),
    0x4095_0000: ("UncertainSubNormal", _DOUBTED | Quality.INCONSISTENT),
    0x40F2_0000: ("UncertainOverRange", _DOUBTED | Quality.OUT_OF_RANGE),
    0x40F3_0000: ("UncertainUnderRange", _DOUBTED | Quality.OUT_OF_RANGE),
    0x4208_0000: ("UncertainTransducerInManual", _DOUBTED | Quality.SUBSTITUTED),
    0x4209_0000: ("UncertainSimulatedValue", _DOUBTED | Quality.TEST),
    0x420A_0000: ("UncertainSensorCalibration", _DOUBTED | Quality.INACCURATE),
    0x8003_0000: ("BadOutOfMemory", _FAILED),
    0x8004_0000: ("BadResourceUnavailable", _FAILED),
    0x8005_0000: ("BadCommunicationError", _LOST),
    0x800A_0000: ("BadTimeout", _LOST),
    0x800C_0000: ("BadShutdown", _LOST),
    0x800D_0000: ("BadServerNotConnected", _LOST),
    0x800E_0000: ("BadServerHalted", _LOST),
    0x800F_0000: ("BadNothingToDo", Quality.INVALID),
    0x8010_0000: ("BadTooManyOperations", Quality.INVALID),
    0x8012_0000: ("BadCertificateInvalid", Quality.INVALID),
    0x8013_0000: ("BadSecurityChecksFailed", Quality.INVALID),
    0x8014_0000: ("BadCertificateTimeInvalid", Quality.INVALID),
    0x8017_0000: ("BadCertificateUriInvalid", Quality.INVALID),
    0x8018_0000: ("BadCertificateUseNotAllowed", Quality.INVALID),
    0x801A_0000: ("BadCertificateUntrusted", Quality.INVALID),
    0x801D_0000: ("BadCertificateRevoked", Quality.INVALID),
    0x801F_0000: ("BadUserAccessDenied", _REFERENCE),
    0x8020_0000: ("BadIdentityTokenInvalid", Quality.INVALID),
    0x8021_0000: ("BadIdentityTokenRejected", Quality.INVALID),
    0x8022_0000: ("BadSecureChannelIdInvalid", Quality.INVALID),
    0x8025_0000: ("BadSessionIdInvalid", Quality.INVALID),
    0x8026_0000: ("BadSessionClosed", Quality.INVALID),
    0x8027_0000: ("BadSessionNotActivated", Quality.INVALID),
    0x8028_0000: ("BadSubscriptionIdInvalid", Quality.INVALID),
    0x8031_0000: ("BadNoCommunication", _LOST),
    0x8032_0000: ("BadWaitingForInitialData", Quality.INVALID | Quality.RESTART),
    0x8033_0000: ("BadNodeIdInvalid", _REFERENCE),
    0x8034_0000: ("BadNodeIdUnknown", _REFERENCE),
    0x8035_0000: ("BadAttributeIdInvalid", _REFERENCE),
    0x8036_0000: ("BadIndexRangeInvalid", _REFERENCE),
    0x8037_0000: ("BadIndexRangeNoData", _REFERENCE),
    0x803A_0000: ("BadNotReadable", _REFERENCE),
    0x803C_0000: ("BadOutOfRange", Quality.INVALID | Quality.OUT_OF_RANGE),
    0x803D_0000: ("BadNotSupported", _REFERENCE),
    0x8043_0000: ("BadMonitoredItemFilterInvalid", Quality.INVALID),
    0x8044_0000: ("BadMonitoredItemFilterUnsupported", Quality.INVALID),
    0x8045_0000: ("BadFilterNotAllowed", Quality.INVALID),
    0x8054_0000: ("BadSecurityModeRejected", Quality.INVALID),
    0x8055_0000: ("BadSecurityPolicyRejected", Quality.INVALID),
    0x8056_0000: ("BadTooManySessions", Quality.INVALID),
    0x8077_0000: ("BadTooManySubscriptions", Quality.INVALID),
    0x8078_0000: ("BadTooManyPublishRequests", Quality.INVALID),
    0x8079_0000: ("BadNoSubscription", Quality.INVALID),
    0x807B_0000: ("BadMessageNotAvailable", Quality.INVALID),
    0x8080_0000: ("BadTcpMessageTooLarge", Quality.INVALID),
    0x8086_0000: ("BadSecureChannelClosed", Quality.INVALID),
    0x8087_0000: ("BadSecureChannelTokenUnknown", Quality.INVALID),
    0x8089_0000: ("BadConfigurationError", _FAILED),
    0x808A_0000: ("BadNotConnected", _LOST),
    0x808B_0000: ("BadDeviceFailure", _FAILED),
    0x808C_0000: ("BadSensorFailure", _FAILED),
    0x808D_0000: ("BadOutOfService", Quality.INVALID | Quality.BLOCKED),
    0x808E_0000: ("BadDeadbandFilterInvalid", Quality.INVALID),
    0x80AE_0000: ("BadConnectionClosed", _LOST),
    0x80B8_0000: ("BadRequestTooLarge", Quality.INVALID),
    0x80B9_0000: ("BadResponseTooLarge", Quality.INVALID),
    0x80DB_0000: ("BadTooManyMonitoredItems", Quality.INVALID),
}
"""The conditions that say more than their severity, by the names of OPC 10000-4 and 10000-8."""


def quality(status: int) -> Quality:
    """Return what `status` says against a value: its condition, or its severity alone where that is unknown."""
    if status == GOOD:
        return Quality.GOOD
    limited = status & _DATA_VALUE and 0 < status & _LIMITED < _CONSTANT
    return _condition(status) | (Quality.OUT_OF_RANGE if limited else Quality.GOOD)


def refuses(status: int) -> bool:
    """Return whether `status` says that the node can never be read like this."""
    return bool(_condition(status) & Quality.BAD_REFERENCE)


def overflowed(status: int) -> bool:
    """Return whether the server lost values before this one: its queue was full (OPC 10000-4 table 174)."""
    return status & _OVERFLOW == _OVERFLOW


def bad(status: int) -> bool:
    """Return whether a service or a value failed; the reserved severity counts as bad."""
    return status >= 0x8000_0000


def name(status: int) -> str:
    """Return the name of `status` as engineers know it, or its number."""
    known = CODES.get(status & CONDITION)
    return known[0] if known else f"status {status & CONDITION:#010x}"


def _condition(status: int) -> Quality:
    known = CODES.get(status & CONDITION)
    if known:
        return known[1]
    severity = status & _SEVERITY
    if severity == _UNCERTAIN:
        return Quality.QUESTIONABLE
    return Quality.INVALID if severity else Quality.GOOD
