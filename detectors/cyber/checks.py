"""All cyber checks: adding one is a file, and a line here."""

from detectors.cyber.arp_mac_change import ArpMacChange
from detectors.cyber.change_not_ours import ChangeNotOurs
from detectors.cyber.check import Check
from detectors.cyber.clock_jump import ClockJump
from detectors.cyber.coordinated_change import CoordinatedChange
from detectors.cyber.critical_function import CriticalFunction
from detectors.cyber.device_restart import DeviceRestart
from detectors.cyber.file_or_program import FileOrProgram
from detectors.cyber.flood import Flood
from detectors.cyber.gateway_integrity import GatewayIntegrity
from detectors.cyber.goose_state import GooseState
from detectors.cyber.goose_test_flag import GooseTestFlag
from detectors.cyber.identity_change import IdentityChange
from detectors.cyber.malformed import Malformed
from detectors.cyber.new_pair import NewPair
from detectors.cyber.new_talker import NewTalker
from detectors.cyber.orphan_response import OrphanResponse
from detectors.cyber.reconnaissance import Reconnaissance
from detectors.cyber.replay_frozen import ReplayFrozen
from detectors.cyber.rtt_shift import RttShift
from detectors.cyber.scan import Scan
from detectors.cyber.session_security_drop import SessionSecurityDrop
from detectors.cyber.stack_change import StackChange
from detectors.cyber.trip_without_cause import TripWithoutCause
from detectors.cyber.unauthorised_write import UnauthorisedWrite
from detectors.cyber.unexpected_unsolicited import UnexpectedUnsolicited
from detectors.cyber.wrong_unit_or_exception import WrongUnitOrException

CHECKS: tuple[type[Check], ...] = (
    ArpMacChange,
    ChangeNotOurs,
    ClockJump,
    CoordinatedChange,
    CriticalFunction,
    DeviceRestart,
    FileOrProgram,
    Flood,
    GatewayIntegrity,
    GooseState,
    GooseTestFlag,
    IdentityChange,
    Malformed,
    NewPair,
    NewTalker,
    OrphanResponse,
    Reconnaissance,
    ReplayFrozen,
    RttShift,
    Scan,
    SessionSecurityDrop,
    StackChange,
    TripWithoutCause,
    UnauthorisedWrite,
    UnexpectedUnsolicited,
    WrongUnitOrException,
)
