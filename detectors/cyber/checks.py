"""All cyber checks: adding one is a file, and a line here."""

from detectors.cyber.check import Check

CHECKS: tuple[type[Check], ...] = ()
