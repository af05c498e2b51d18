"""Cut-out photographs that a user owns, as sprites: ``FOLDER/<category>/*.png`` with alpha.

None ship with the project. PyAV reads them, so no picture library is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from vatt_engine.errors import MediaUnreadable

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_LARGEST = 512
_SUFFIXES = {".png", ".webp", ".jpg", ".jpeg"}


def photo_index(folder: Path) -> Mapping[str, tuple[str, ...]]:
    """Category -> photograph paths of a folder with one sub-folder a category, sorted."""
    found: dict[str, tuple[str, ...]] = {}
    for sub in sorted(p for p in folder.iterdir() if p.is_dir()):
        files = sorted(str(p) for p in sub.iterdir() if p.suffix.lower() in _SUFFIXES)
        if files:
            found[sub.name] = tuple(files)
    return found


@lru_cache(maxsize=64)
def load_photo(path: str, grey: bool) -> NDArray[np.float32]:
    """Read a photograph, scaled to at most 512 pixels.

    Returns:
        [h, w, C + 1] 0..1; the last channel is the opacity.

    Raises:
        MediaUnreadable: the file holds no picture.
    """
    try:
        with av.open(path) as container:
            frame = next(container.decode(video=0))
            factor = min(1.0, _LARGEST / max(frame.width, frame.height))
            size = (max(int(frame.width * factor), 1), max(int(frame.height * factor), 1))
            rgba = frame.reformat(width=size[0], height=size[1], format="rgba").to_ndarray()
    except (av.FFmpegError, StopIteration, OSError) as error:
        raise MediaUnreadable(
            f"{path} cannot be read as a picture: {error}.", "Use PNG or JPEG files."
        ) from error
    image = rgba.astype(np.float32) / 255
    if grey:
        return np.concatenate([image[..., :3] @ _LUMA[:, None], image[..., 3:]], axis=-1)
    return np.asarray(image)
