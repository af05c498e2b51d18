"""Debian packages by name: asked from apt, or found in a folder of the user's.

``apt-get download`` needs no root and no installation; it checks the archive's signatures. On a
machine without apt the ``.deb`` files can be laid into the packages folder by hand.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import tempfile
from pathlib import Path

from vatt_engine.errors import EngineError

log = logging.getLogger(__name__)

_TIMEOUT_S = 1800


class PackageUnavailable(EngineError):
    """A Debian package could be neither found nor downloaded."""

    code = "package_unavailable"


def find_package(folder: Path, package: str) -> Path | None:
    """A downloaded package in ``folder``, the newest name first; None when there is none."""
    return max(folder.glob(f"{package}_*.deb"), default=None)


def fetch_package(folder: Path, package: str, version: str) -> Path:
    """The package file, downloaded into ``folder`` unless it is there.

    The version of the manifest is asked for first, then whatever the archive offers: the checksum
    of each file decides later whether its content is still the one that was listed.

    Raises:
        PackageUnavailable: no apt here, or apt cannot get it.
    """
    found = find_package(folder, package)
    if found:
        return found
    if shutil.which("apt-get") is None:
        raise PackageUnavailable(
            f"{package} is not in {folder}, and this machine has no apt-get to download it with.",
            f"Put {package}_*.deb of Debian 12 into {folder} and start again.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    problem = ""
    for name in (f"{package}={version}", package):
        # Downloaded beside the folder first: a broken download is never taken for a package.
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            try:
                done = subprocess.run(
                    ["apt-get", "-q", "download", name],
                    cwd=scratch,
                    capture_output=True,
                    text=True,
                    timeout=_TIMEOUT_S,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                problem = str(error)
                continue
            loaded = find_package(Path(scratch), package)
            if done.returncode == 0 and loaded:
                target = folder / loaded.name
                loaded.replace(target)
                return target
            problem = (done.stderr.strip().splitlines() or ["unknown error"])[-1]
    raise PackageUnavailable(
        f"apt could not download {package}: {problem}",
        "Run apt-get update, or check that the archive in /etc/apt is Debian 12 (bookworm).",
    )
