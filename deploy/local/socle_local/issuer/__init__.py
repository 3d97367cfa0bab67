"""The development OIDC issuer: three realms with the URLs and the claims of the Keycloak that replaces it.

It signs in whoever is picked on a page, without a password. It therefore refuses to start outside the local
profile, and to listen anywhere but on loopback unless SOCLE_ISSUER_OPEN_DOOR says that the network around it
is closed.
"""
