"""One thin file a service: one stub call with the caller's token, a deadline and the trace."""
