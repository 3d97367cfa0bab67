"""Kubernetes: what is generated for the manifests, how they are rendered, applied and proven."""

from socle_k8s.render import render

__all__ = ["render"]
