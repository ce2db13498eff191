"""Pattern: a value that behaves as it never does, at this hour, for this long, or this restlessly."""
