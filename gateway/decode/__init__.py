"""The commissioning tool: what a device says, before anything about it is configured. It only ever reads."""
