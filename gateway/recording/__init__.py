"""Recordings: what a station said once, as one stream of readings, events and ticks, wherever it was kept."""
