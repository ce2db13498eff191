"""Replay: readings that were seen before, bit for bit and in the same order."""
