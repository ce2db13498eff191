"""Everything between "a device said something" and "the broker has it": one folder a stage of the path."""

__version__ = "0.1.0"
