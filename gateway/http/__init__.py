"""One small HTTP server for every page that is configured, within bounds whoever asks; loaded only where one is."""
