"""Everyday traffic of a substation, as frames: no socket, no clock, and the same for the same seed."""
