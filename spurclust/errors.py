"""Errors that name the mend: input that cannot be used, and packages that are not installed."""

from importlib import import_module
from types import ModuleType


def import_optional(module: str, *, feature: str, extra: str = "survey") -> ModuleType:
    """Import an optional module, or raise an ImportError that names the command that installs it.

    Parameters
    ----------
    module : str
        Dotted name of the module, for example "astropy.io.fits".
    feature : str
        What needs it, as the start of a sentence: "Reading FITS cutouts".
    extra : str, default="survey"
        The extra of spurclust that installs it.

    Returns
    -------
    types.ModuleType
        The module.

    Raises
    ------
    ImportError
        When it is not installed.
    """
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
    """Input that cannot be used as it is; the message names the file or row and what to do.

    A ``ValueError``, so code that guards scikit-learn calls catches it as well.
    """
