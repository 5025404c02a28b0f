"""When a kernel that numba compiled is worth loading, for those who installed the extra `fast`.

A kernel says bit for bit what numpy says, sooner. To load it takes half a second, so it is loaded before work that
makes that up, and where work comes unforeseen once so much was done that more is to be expected; small estates never
pay for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")

UNFORESEEN = 3
"""How many times as much as pays for a kernel is done before it is loaded without knowing of more."""


class Loader(Generic[K]):
    """Knows whether a kernel is to be had, and loads it when it is worth that. For several threads.

    Args:
        load: The kernel compiled, or taken from numba's cache. It raises ImportError where numba is not installed, and
            RuntimeError where numba has no folder to keep the machine code in; there is no kernel then.
        worth: Work that pays for it, in any unit; 0 loads it at once.
    """

    def __init__(self, load: Callable[[], K], worth: int) -> None:
        self._load_kernel, self._worth = load, worth
        self._seen = 0
        self._lock = threading.Lock()
        self._kernel: K | None = None
        self._absent = False

    @property
    def is_loaded(self) -> bool:
        """Whether what comes next is done by the kernel."""
        return self._kernel is not None

    def foresee(self, coming: int) -> None:
        """Be told of work that comes in one go, about, before it begins."""
        with self._lock:
            if coming >= self._worth:
                self._load()

    def kernel(self, more: int) -> K | None:
        """The kernel for some more work, once it is worth loading and where it is installed; else None."""
        with self._lock:
            self._seen += more
            if self._seen >= UNFORESEEN * self._worth:
                self._load()
            return self._kernel

    def _load(self) -> None:
        if self._kernel is not None or self._absent:
            return
        try:
            self._kernel = self._load_kernel()
        except (ImportError, RuntimeError):
            self._absent = True
