"""Doing something as a user who is not root, since permissions mean nothing to root."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

NOBODY = 65534


@contextlib.contextmanager
def unprivileged(*own: str | os.PathLike[str]) -> Iterator[None]:
    """Be nobody where the tests run as root; no change elsewhere.

    Only what is imported already can be counted on inside: nobody may not read root's Python.

    Args:
        own: files and folders that are nobody's first.
    """
    if os.geteuid() != 0:
        yield
        return
    try:
        for path in own:
            os.chown(path, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    except OSError as error:  # a container may have no such user
        pytest.skip(f"root cannot become nobody here: {error}")
    try:
        yield
    finally:
        os.seteuid(0)
