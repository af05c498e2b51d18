"""The fixed split into training and test, by where a sound came from.

Sounds of one package share microphones, rooms, editing and often the very recording, so a random
split flatters every figure. A package is wholly on one side. ESC-10 keeps its published folds,
which share no original recording: fold 5 is for testing. The test side was chosen once, to hold
as many categories as possible in about a sixth of the clips, and is never changed silently:
figures in reports are only comparable on the same list.
"""

from __future__ import annotations

from typing import Literal

Split = Literal["train", "test"]

TEST_PACKAGES: frozenset[str] = frozenset(
    {
        # Debian packages
        "openclonk-data",
        "flare-game",
        "scratch",
        "unknown-horizons",
        "sound-theme-freedesktop",
        # folders of the collected Foley corpus
        "cxong/cdogs-sdl",
        "OpenDungeons/OpenDungeons",
        "ValyriaTear/ValyriaTear",
        "janhohenheim/foxtrot",
        "IBM/MAX-Audio-Classifier",
        # ESC-10 by fold
        "ESC-10/5",
    }
)
"""Packages that no net, probe or threshold may be fitted on."""


def split_of(package: str) -> Split:
    """The side a package is on."""
    return "test" if package in TEST_PACKAGES else "train"
