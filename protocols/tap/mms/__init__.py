"""MMS as a listener reads it."""
