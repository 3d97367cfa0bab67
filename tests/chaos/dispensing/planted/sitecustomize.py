"""A bug on purpose for a service started with this folder on its path: a prescription's row is not locked.

Python imports this module by itself at start; no code of the product knows of it.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

UNLOCKED = "eprescription.store.prescriptions"


class Unlocking(MetaPathFinder):
    """Reads where the module locks, once it is loaded."""

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> Any:
        if name != UNLOCKED:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            raise ImportError(name)
        loaded = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            loaded(module)
            module.LOCK_BY_ID = module.BY_ID  # type: ignore[attr-defined]
            module.LOCK_BY_NUMBER = module.BY_NUMBER  # type: ignore[attr-defined]

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, Unlocking())
