"""Modbus as a listener reads it."""
