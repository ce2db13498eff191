"""Other programs that read the same registers, each as it is documented to be set up for this load."""
