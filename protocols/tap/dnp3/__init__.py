"""DNP3 as a listener reads it."""
