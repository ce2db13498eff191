"""What is odd about it: one idea a file, each with a fixed-size state."""
