"""The development OIDC issuer: three realms with the URLs and the claims of the Keycloak that replaces it.

It signs in whoever is picked on a page, without a password. It therefore refuses to start outside the local
profile and to listen anywhere but on loopback.
"""
