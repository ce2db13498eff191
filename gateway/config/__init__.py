"""From a file that a person wrote to one frozen object, or to every fault at once with its line and column."""

from gateway.config.fault import ConfigError, Fault
from gateway.config.model import Config

__all__ = ["Config", "ConfigError", "Fault"]
