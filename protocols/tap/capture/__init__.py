"""Where frames come from: the ring of the kernel, plain receiving, a capture file."""
