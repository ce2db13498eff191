"""What age and wear do to the plant: transformers, tap changers and breakers, each with its health and its reasons."""
