"""IEC 60870-5-104 as a listener reads it."""
