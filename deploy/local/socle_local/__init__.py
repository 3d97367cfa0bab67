"""The whole platform on one machine: PostgreSQL, NATS, the development issuer, the services, the gateway."""
