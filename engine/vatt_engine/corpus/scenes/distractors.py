"""Things that move and make no sound."""

from __future__ import annotations

import numpy as np

from vatt_engine.corpus.scenes import physics
from vatt_engine.corpus.scenes.lasting import seethe
from vatt_engine.corpus.scenes.plan import ASPECT, TRACK_HZ, Part
from vatt_engine.corpus.scenes.stage import Stage, specks


def _flakes(stage: Stage) -> Part:
    n = 25
    x0 = stage.rng.uniform(0, ASPECT, n)
    y0 = stage.rng.uniform(-0.2, 1, n)
    drift = 0.05 * np.sin(stage.clock[:, None] * stage.rng.uniform(0.5, 2, n) + x0 * 9)
    y = (y0 + stage.clock[:, None] * stage.rng.uniform(0.03, 0.12, n)) % 1.2 - 0.1
    pos = np.stack([x0 + drift, y], axis=-1)
    return stage.part(
        particles=(specks(pos, np.zeros_like(pos), (1.0, 1.0, 1.0), 0.6),), silent=True
    )


def distractor(stage: Stage) -> Part:
    """Something that moves and makes no sound: flakes, a balloon, a waving hand, clouds."""
    choice = stage.rng.integers(0, 4)
    if choice == 0:
        return _flakes(stage)
    if choice == 1:
        x = stage.x + 0.3 * physics.smooth_walk(stage.rng, stage.n, 0.3, TRACK_HZ)
        y = 0.4 + 0.1 * physics.smooth_walk(stage.rng, stage.n, 0.4, TRACK_HZ)
        return stage.part(bodies=(stage.body(stage.sprite("disc", 0.07, 0.09), x, y),), silent=True)
    if choice == 2:
        wave = 0.5 * np.sin(2 * np.pi * stage.uniform(0.5, 1.5) * stage.clock)
        arm = stage.body(
            stage.sprite("bar", 0.14, 0.03),
            stage.x + 0.14 * np.sin(wave),
            0.5 - 0.14 * np.cos(wave),
            wave + np.pi / 2,
        )
        return stage.part(bodies=(arm,), silent=True)
    clouds = seethe(
        stage,
        (ASPECT / 2, 0.15),
        (2.0, 0.3),
        np.full(stage.n, 0.2),
        cells=0.25,
        drift=(stage.uniform(-0.1, 0.1), 0),
        morph_hz=0.1,
        colour=(1.0, 1.0, 1.0),
    )
    return stage.part(shimmers=(clouds,), silent=True)
