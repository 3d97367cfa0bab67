"""Lifecycles of prescriptions among a million stored ones."""
