"""Modbus: planner, codec and one conversation an endpoint."""
