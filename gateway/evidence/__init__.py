"""What is kept of the time around an alarm: frames on the wire and readings, as files whose hashes are entered."""
