"""Other systems, each behind one small class: identity-ins, the key provider, the object store."""

from .standing import Standing

__all__ = ["Standing"]
