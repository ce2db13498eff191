"""DNP3 (IEEE 1815-2012), the master's side: integrity polls, events, unsolicited responses, never a control."""
