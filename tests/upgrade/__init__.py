"""Two versions of the platform under load, and a restore: what an operator does at night, rehearsed.

`make upgrade-test` and `make restore-test` run it whole; `make test` runs the quick tests of its parts.
"""
