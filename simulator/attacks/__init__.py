"""Attacks on a substation, over real sockets: each names the checks that must notice it, and is bounded."""
