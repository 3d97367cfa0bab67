"""Checks a downloaded journal without us: docs/how-to/verify-a-journal.md."""
