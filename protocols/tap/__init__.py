"""Tap: packets of a mirror port or of a capture, decoded and grouped; it only ever listens."""
