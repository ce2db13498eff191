"""Groups: values that no longer fit together as they did while it was learned what is normal."""
