"""What the gateway tells on the spot: the status socket, and the pages that are drawn from its answers."""
