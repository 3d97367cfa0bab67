"""`make audit`: known vulnerabilities of what is installed and of what the images hold."""
