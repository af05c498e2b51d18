"""What the operating system does to a killed program: its locks go, and nothing is saved."""

from __future__ import annotations

import os

from vatt_plugin.project import Project


def crash(project: Project) -> None:
    """Leave a project as a killed process would; the object is of no use afterwards."""
    lock = project._lock
    assert lock._handle is not None, "only a project that may write holds the lock"
    os.close(lock._handle)
    lock._handle = None
