"""Eprescription."""
