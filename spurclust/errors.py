"""Errors that name the mend: input that cannot be used, and packages that are not installed."""

from importlib import import_module
from types import ModuleType


def import_optional(module: str, *, feature: str, extra: str = "survey") -> ModuleType:
    """Import a module, or raise an ImportError that names the command that installs its extra."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise ImportError(
            f"{feature} needs the package {package}, which is not installed: "
            f"pip install 'spurclust[{extra}]'",
            name=package,
        ) from error


class CatalogError(ValueError):
    """Input that cannot be used as it is; the message names the file or row and what to do."""
