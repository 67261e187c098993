"""Imports of optional dependencies, with an error that says how to install them."""

from __future__ import annotations

import importlib
from typing import Any

from memguard.errors import ConfigurationError


def require(module: str, *, extra: str) -> Any:
    """Import ``module``, which comes with ``memguard[extra]``.

    Raises:
        ConfigurationError: it is not installed. Errors inside an installed module propagate.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise ConfigurationError(
            f"this needs {module}, which is not installed: pip install 'memguard[{extra}]'"
        ) from error
