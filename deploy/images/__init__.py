"""`python -m deploy.images`: builds the images of Socle, and what they are built from."""
