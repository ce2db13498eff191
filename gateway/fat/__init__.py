"""The factory acceptance test: a copy of the configured devices, the real daemon, every point driven and checked."""
