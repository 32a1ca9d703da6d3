"""Compilation of the kernels: for the signatures they name, without the GIL, cached on disk."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

FAST = frozenset({"reassoc", "contract", "nsz"})
"""LLVM may reorder sums for SIMD and fuse multiply-adds; NaN and infinity keep their meaning."""


def kernel(*signatures: Any, fastmath: frozenset[str] = FAST) -> Callable[[Kernel], Kernel]:
    """Compile the decorated function for the signatures given, and for no others later."""

    def compile_kernel(function: Kernel) -> Kernel:
        # Python's check for division by zero would keep the loops from SIMD.
        options = {"nogil": True, "fastmath": set(fastmath), "error_model": "numpy"}
        compiled: Kernel
        try:
            compiled = numba.njit(list(signatures), cache=True, **options)(function)
        except RuntimeError:  # no folder for the cache can be written
            compiled = numba.njit(list(signatures), **options)(function)
        return compiled

    return compile_kernel
