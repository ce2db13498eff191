"""OPC UA as a listener reads it."""
