"""Fictitious records: a national DMP for tests and measures."""
