"""The contract, served: proto in, domain, proto out."""

from .servicer import DmpServicer

__all__ = ["DmpServicer"]
