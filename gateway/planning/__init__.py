"""What a configuration will take of lines, memory, disk, uplink and processor, before it runs anywhere."""
