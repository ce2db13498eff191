"""Files and programs moved to or from a device."""

from typing import ClassVar

from detectors.cyber.engineer import EngineerOnly
from protocols.sighting import Sighting


class FileOrProgram(EngineerOnly):
    """Finds commands that read, write or delete files, or load a program."""

    NAME: ClassVar[str] = "file_or_program"
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0843", "T0809", "T0857", "T0893")
    ADVICE: ClassVar[str] = "compare the program and settings of the device with the approved ones"
    ACTIONS: ClassVar[frozenset[str]] = frozenset({"file", "program"})

    def technique(self, seen: Sighting, action: str) -> str:
        """Return download of a program, destruction of data, or collection of it."""
        if action == "program":
            return "T0843"
        return "T0809" if "delete" in f"{seen.facts.get('what', '')} {seen.detail}".lower() else "T0893"
