"""OPC UA: a codec of what values come in, one secure channel and session an endpoint, and its subscriptions."""
