"""Short texts: the first of many names, and the sizes of what an object holds."""

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def join_some(texts: Iterable[str], most: int = 10) -> str:
    """Join the first of many texts, and add how many more there are."""
    every = list(texts)
    shown = ", ".join(every[:most])
    return f"{shown} and {len(every) - most} more" if len(every) > most else shown


def short_repr(value: Any) -> str:
    """Return the class of a dataclass or named tuple, and each of its fields in a few words."""
    names = [field.name for field in fields(value)] if is_dataclass(value) else value._fields
    held = ((name, getattr(value, name)) for name in names)
    shown = [
        f"{name}={_in_short(each)}"
        for name, each in held
        if each is not None and not (isinstance(each, list | tuple | dict | str) and not each)
    ]
    return f"{type(value).__name__}({', '.join(shown)})"


def _in_short(value: Any) -> str:
    """Return a value, or the type and size of a collection."""
    if isinstance(value, np.ndarray):
        return f"<{value.dtype} array of shape {value.shape}>"
    if isinstance(value, int | float | str | bool):
        return f"{value!r:.60}"
    if hasattr(value, "columns"):
        return f"<{len(value)} rows: {', '.join(map(str, value.columns))}>"
    if isinstance(value, list | tuple | dict) and not hasattr(value, "_fields"):
        return f"<{type(value).__name__} of {len(value)}>"
    return f"<{type(value).__name__}>"
