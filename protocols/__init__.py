"""What devices say: one folder a protocol, and the few words they all share."""
