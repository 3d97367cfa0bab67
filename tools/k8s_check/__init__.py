"""`make k8s-check`: what a cluster, an auditor and the services would say of the manifests."""
