"""Errors that name what to do about input and about packages that are not installed."""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


def import_optional(module: str, *, feature: str, extra: str = "survey") -> ModuleType:
    """Import a module, or raise an ImportError that names the command that installs its extra."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise _not_installed(package, feature, extra) from error


def check_installed(package: str, *, feature: str, extra: str = "survey") -> None:
    """Raise the same ImportError if a package is not installed, without importing it."""
    if find_spec(package) is None:
        raise _not_installed(package, feature, extra)


def _not_installed(package: str, feature: str, extra: str) -> ImportError:
    """Return the error that names the command."""
    return ImportError(
        f"{feature} needs the package {package}, which is not installed: "
        f"pip install 'spurclust[{extra}]'",
        name=package,
    )


class CatalogError(ValueError):
    """Input that cannot be used as it is; the message names the file or row and what to do."""
