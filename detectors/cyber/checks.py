"""All cyber checks: adding one is a file, and a line here."""

from detectors.cyber.check import Check
from detectors.cyber.critical_function import CriticalFunction
from detectors.cyber.device_restart import DeviceRestart
from detectors.cyber.file_or_program import FileOrProgram
from detectors.cyber.goose_state import GooseState
from detectors.cyber.goose_test_flag import GooseTestFlag
from detectors.cyber.orphan_response import OrphanResponse
from detectors.cyber.unauthorised_write import UnauthorisedWrite
from detectors.cyber.unexpected_unsolicited import UnexpectedUnsolicited

CHECKS: tuple[type[Check], ...] = (
    CriticalFunction,
    DeviceRestart,
    FileOrProgram,
    GooseState,
    GooseTestFlag,
    OrphanResponse,
    UnauthorisedWrite,
    UnexpectedUnsolicited,
)
