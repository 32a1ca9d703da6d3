"""The exception that the catalogue readers raise on bad input."""


class CatalogError(ValueError):
    """Input that cannot be used as it is; the message names the file or row and what to do.

    A ``ValueError``, so code that guards scikit-learn calls catches it as well.
    """
