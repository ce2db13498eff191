"""Numbers of the running gateway for Prometheus, over HTTP; loaded only where the configuration asks for it."""
