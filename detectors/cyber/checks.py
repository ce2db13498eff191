"""All cyber checks: adding one is a file, and a line here."""

from detectors.cyber.arp_mac_change import ArpMacChange
from detectors.cyber.check import Check
from detectors.cyber.critical_function import CriticalFunction
from detectors.cyber.device_restart import DeviceRestart
from detectors.cyber.file_or_program import FileOrProgram
from detectors.cyber.flood import Flood
from detectors.cyber.goose_state import GooseState
from detectors.cyber.goose_test_flag import GooseTestFlag
from detectors.cyber.malformed import Malformed
from detectors.cyber.new_pair import NewPair
from detectors.cyber.new_talker import NewTalker
from detectors.cyber.orphan_response import OrphanResponse
from detectors.cyber.reconnaissance import Reconnaissance
from detectors.cyber.scan import Scan
from detectors.cyber.session_security_drop import SessionSecurityDrop
from detectors.cyber.unauthorised_write import UnauthorisedWrite
from detectors.cyber.unexpected_unsolicited import UnexpectedUnsolicited

CHECKS: tuple[type[Check], ...] = (
    ArpMacChange,
    CriticalFunction,
    DeviceRestart,
    FileOrProgram,
    Flood,
    GooseState,
    GooseTestFlag,
    Malformed,
    NewPair,
    NewTalker,
    OrphanResponse,
    Reconnaissance,
    Scan,
    SessionSecurityDrop,
    UnauthorisedWrite,
    UnexpectedUnsolicited,
)
