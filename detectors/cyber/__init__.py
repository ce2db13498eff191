"""Cyber: who may talk to whom and do what, on the wire and in our own conversations; one check a file."""
