"""How the kernels are compiled: for the signatures they name, without the GIL, cached on disk."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

# Sums may be reordered for SIMD and multiply-adds fused; NaN and infinity keep their meaning.
FAST = frozenset({"reassoc", "contract", "nsz"})


def kernel(
    *signatures: Any, fastmath: frozenset[str] | set[str] = FAST
) -> Callable[[Kernel], Kernel]:
    """Compile a function for the signatures given.

    Parameters
    ----------
    *signatures : str or numba signature
        Types of the arguments; for no others it is compiled later.
    fastmath : set of str
        What the compiler may do to floating-point sums, see LLVM's fast-math flags.

    Returns
    -------
    callable
        Decorator.
    """

    def compile_it(function: Kernel) -> Kernel:
        # Python's check for division by zero would keep the loops from SIMD.
        options = {"nogil": True, "fastmath": set(fastmath), "error_model": "numpy"}
        compiled: Kernel
        try:
            compiled = numba.njit(list(signatures), cache=True, **options)(function)
        except RuntimeError:  # no folder for the cache can be written
            compiled = numba.njit(list(signatures), **options)(function)
        return compiled

    return compile_it
