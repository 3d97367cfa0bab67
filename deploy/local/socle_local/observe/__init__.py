"""Traces and metrics of the platform on this machine: an OTLP receiver, and pages to look at what it got."""
