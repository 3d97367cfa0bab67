"""The servers of the local platform, each as the one command of a container: `python -m socle_local.serve`.

The same PostgreSQL, NATS and issuer as `make run`, told where things stand by mounted files instead of a
launcher, open to the network instead of loopback, and behind TLS. For development clusters: none of them has
a second copy, a backup or somebody on call.
"""
