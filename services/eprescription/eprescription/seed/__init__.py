"""Fictitious medicines and interactions: enough for tests and for the demo, nothing of the public base.

Brands, packs, numbers and prices are invented; substances, their codes and what may be said of them are
public knowledge. `base/` is written as the public files are, so that one import serves both.
"""
