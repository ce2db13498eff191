"""The local page: what the gateway knows, for a person nearby, over HTTP; loaded only where it is configured."""
