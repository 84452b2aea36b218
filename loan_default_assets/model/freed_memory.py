"""Makes glibc keep the memory that a block of scored rows frees, for the next block."""

from functools import cache

import torch

# The largest block that glibc takes from the system as one piece and still learns from (DEFAULT_MMAP_THRESHOLD_MAX of
# malloc.c on 64 bits), less a page for what malloc adds.
_BYTES = (32 << 20) - 4096


@cache
def keep_freed_memory() -> None:
    """Have this process keep up to 64 MiB of free memory per arena of its heap; once, without effect outside of glibc.

    glibc gives memory back to the system as soon as twice the largest piece that it ever took and freed as a whole lies
    free at the end of its heap (dynamic threshold, `man 3 mallopt`). A process that only scores never frees a large
    piece, so each block of rows returned its memory, and the system cleared new pages for the next
    (docs/decisions/freed-memory.md). A training frees large pieces by itself.

    Examples:
        >>> keep_freed_memory()
    """
    torch.empty(_BYTES, dtype=torch.uint8)
