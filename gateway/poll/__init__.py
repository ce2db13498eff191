"""The poller: the one runner that owns the clock of every scan, the time-outs, the retries and the fairness."""
