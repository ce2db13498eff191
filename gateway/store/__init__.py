"""Store and forward: what has been said waits here, on disk and within its bytes, until the broker has it."""
