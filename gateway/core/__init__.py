"""The process image, the pipeline, summaries and alarms: synchronous, no clock, no I/O."""
