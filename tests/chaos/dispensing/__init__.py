"""Contested dispensing: what clients saw, the sequential model it must agree with, and the check."""
