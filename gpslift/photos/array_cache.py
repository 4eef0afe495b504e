"""Large arrays kept on disk between runs: made once, in one stream, and read back as memory maps."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gpslift.photos.files import made_once, replacing


def cached_array(
    path: Path, shape: tuple[int, ...], dtype: DTypeLike, make: Callable[[], Iterable[NDArray]]
) -> NDArray:
    """The array in the .npy file `path`; where there is none, or a damaged one, from the pieces that `make` yields.

    Written in one stream: on a full disk that fails cleanly, where a memory map kills the process. Raises UserError for
    a full disk.
    """

    def write() -> None:
        with replacing(path) as temporary, temporary.open("wb") as file:
            descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
            np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
            for piece in make():
                file.write(np.ascontiguousarray(piece, dtype).tobytes())

    return made_once(path, partial(_open, path, shape, dtype), write)


@dataclass(frozen=True)
class MapFile:
    """Stands for a memory map where it is sent to another process, which opens the file and is not sent its content."""

    path: str

    def opened(self) -> NDArray:
        """The memory map."""
        return np.load(self.path, mmap_mode="r")


def _open(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray | None:
    try:
        array = np.load(path, mmap_mode="r") if path.is_file() else None
    except (OSError, ValueError):
        return None
    return array if array is not None and array.shape == shape and array.dtype == dtype else None
