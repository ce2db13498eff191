"""A recording through the rules of a configuration: what would have been raised, in order, and what it looked like."""
