"""Compiled code without the GIL, and threads that run it. Results do not depend on their number.

The last bits of a BLAS product change with the shape of its operands and with the number of
threads. So BLAS runs on one thread, and blocks of rows run in parallel. All blocks of
`map_row_blocks` have the same number of rows: the last one is padded with zeros.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any, Self, TypeVar

import numpy as np
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")
Kernel = TypeVar("Kernel", bound=Callable[..., Any])

FAST = frozenset({"reassoc", "contract", "nsz"})
"""LLVM may reorder sums for SIMD and fuse multiply-adds; NaN and infinity keep their meaning."""


def kernel(*signatures: Any, fastmath: frozenset[str] = FAST) -> Callable[[Kernel], Kernel]:
    """Compile the decorated function for the signatures given, cached on disk, without the GIL."""
    import numba  # slow to import, and only needed to compile

    def compile_kernel(function: Kernel) -> Kernel:
        # With Python's check for division by zero, loops would not use SIMD.
        options = {"nogil": True, "fastmath": set(fastmath), "error_model": "numpy"}
        compiled: Kernel
        try:
            compiled = numba.njit(list(signatures), cache=True, **options)(function)
        except RuntimeError:  # no folder for the cache is writable
            compiled = numba.njit(list(signatures), **options)(function)
        return compiled

    return compile_kernel


@cache
def _threadpools(user_api: str) -> ThreadpoolController:
    """Find the native thread pools of a kind, once per process: the search takes milliseconds."""
    return ThreadpoolController().select(user_api=user_api)


class _OneBlasThread:
    """A limit on BLAS in the whole process, from the first thread's entry to the last's exit."""

    # If each thread restored the limit, it would end while another one still computes.

    def __init__(self) -> None:
        self._lock = Lock()
        self._n_inside = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._n_inside == 0:
                self._limits = _threadpools("blas").limit(limits=1)
            self._n_inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                self._limits.restore_original_limits()


_one_blas_thread = _OneBlasThread()


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Return a context in which BLAS, and OpenMP called from this thread, use one thread."""
    # The context of threadpoolctl is the outer one, because its exit may change the threads of
    # BLAS.
    with _threadpools("openmp").limit(limits=1), _one_blas_thread:
        yield


def count_threads(n_jobs: int | None) -> int:
    """Return how many threads `n_jobs` means in this process."""
    if _is_joblibs_own(get_active_backend()[0]):
        return int(effective_n_jobs(n_jobs))
    # With a cluster, such as dask's, joblib would count all threads of the cluster. So None and
    # negative numbers mean 1 there, in its tasks and in its client.
    return max(n_jobs or 1, 1)


def _is_joblibs_own(backend: Any) -> bool:
    """Return whether a backend works on this machine."""
    return type(backend).__module__ == "joblib._parallel_backends"


def is_joblib_set() -> bool:
    """Return whether joblib is set to work on a cluster, or with several workers."""
    backend, n_workers = get_active_backend()
    return not _is_joblibs_own(backend) or n_workers not in (None, 1)


def iterate_threads(
    function: Callable[[Item], Result], items: Iterable[Item], n_jobs: int | None
) -> Generator[Result, None, None]:
    """Yield the results of a function that releases the GIL, in the order of the items."""
    n_threads = count_threads(n_jobs)
    with single_threaded_blas():
        if n_threads == 1:
            yield from map(function, items)
            return
        with ThreadPoolExecutor(n_threads) as pool:
            # The queue is short, so only few large results are in memory at once.
            waiting: deque[Future[Result]] = deque()
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()


def map_threads(
    function: Callable[[Item], Result], items: Iterable[Item], n_jobs: int | None
) -> list[Result]:
    """Apply a function that releases the GIL to every item; results are in the items' order."""
    return list(iterate_threads(function, items, n_jobs))


def map_row_blocks(
    function: Callable[[NDArray[Any]], NDArray[Any]],
    X: NDArray[Any],
    block_rows: int,
    n_jobs: int | None = None,
) -> NDArray[Any]:
    """Apply a row-wise function to blocks of exactly `block_rows` rows and join the results."""

    def on_block(start: int) -> NDArray[Any]:
        block = X[start : start + block_rows]
        if len(block) == block_rows:
            return function(block)
        padded = np.zeros((block_rows, *X.shape[1:]), dtype=X.dtype)
        padded[: len(block)] = block
        return function(padded)[: len(block)]

    return np.concatenate(map_threads(on_block, range(0, len(X), block_rows), n_jobs))


class ThreadTeam:
    """Threads that stay for many short calls; the caller is one of them."""

    def __init__(self, n_jobs: int | None) -> None:
        self.n_threads = count_threads(n_jobs)

    def __enter__(self) -> Self:
        self._limits = single_threaded_blas()
        self._limits.__enter__()
        self._pool = ThreadPoolExecutor(max(self.n_threads - 1, 1))
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()
        self._limits.__exit__(None, None, None)

    def run(self, function: Callable[[Item], object], items: Iterable[Item]) -> None:
        """Apply a function that releases the GIL to every item; free threads take the next."""
        waiting = list(items)
        remaining = iter(waiting)  # one thread at a time takes the next

        def work() -> None:
            for item in remaining:
                function(item)

        helpers = [self._pool.submit(work) for _ in waiting[1 : self.n_threads]]
        work()
        for helper in helpers:
            helper.result()
