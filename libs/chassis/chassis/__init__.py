"""The runtime every service stands on; it knows no service and no clinical word."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .service import App, Base, run
    from .settings import Settings

__all__ = ["App", "Base", "Settings", "run"]


def __getattr__(name: str) -> Any:
    """Loads the server only for whoever asks for it: `chassis.errors` and `chassis.caller` are read by pure
    code and by tools, which must not pay for gRPC and SQLAlchemy.
    """
    if name not in __all__:
        raise AttributeError(f"module 'chassis' has no attribute {name!r}")
    from . import service, settings

    return getattr(settings if name == "Settings" else service, name)
