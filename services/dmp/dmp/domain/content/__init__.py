"""What a document holds: sniffed, its CDA header read and compared with the metadata."""

from .agreement import check, opened
from .cda import Enclosed, HeaderPatient, Ins
from .sniffing import CDA

__all__ = ["CDA", "Enclosed", "HeaderPatient", "Ins", "check", "opened"]
