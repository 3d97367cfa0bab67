"""The contracts served, one servicer each."""

from .exchange import ExchangeServicer
from .identities import IdentityInsServicer
from .insi import InsiServicer
from .vigilance import VigilanceServicer

__all__ = ["ExchangeServicer", "IdentityInsServicer", "InsiServicer", "VigilanceServicer"]
