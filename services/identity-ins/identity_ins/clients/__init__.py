"""Other systems, each behind one small class: here the INSi téléservice."""

from .absent import AbsentTeleservice
from .insi import Insi
from .simulated import SimulatedTeleservice
from .teleservice import Fault, Teleservice

__all__ = ["AbsentTeleservice", "Fault", "Insi", "SimulatedTeleservice", "Teleservice"]
