"""Stand-ins for devices: servers with exactly the addresses, types and orders that they are told, set from outside."""
