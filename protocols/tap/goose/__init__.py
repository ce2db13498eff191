"""GOOSE as a listener reads it."""
