"""Makes a service that runs, with its contract and green tests, out of `templates/`."""
