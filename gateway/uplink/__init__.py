"""What leaves the gateway: stored messages to the broker, and its few commands back."""
