"""Sparkplug B 3.0: births before data, aliases, one sequence over all, and nothing lost although data is QoS 0."""
