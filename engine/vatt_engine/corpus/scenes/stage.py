"""The stage a family performs on: clocks, places, colours, and the way back to film time.

A family thinks in world seconds. The stage knows how world time runs in the film (slow motion),
and turns contacts and envelopes into a ``Source`` with film times.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vatt_engine.corpus.categories import Kind
from vatt_engine.corpus.scenes.physics import bumps
from vatt_engine.corpus.scenes.plan import (
    ASPECT,
    LANE_HZ,
    TRACK_HZ,
    Body,
    Colour,
    Floats,
    Hit,
    Part,
    Particles,
    Shimmer,
    Source,
    Sprite,
)

_STEP = TRACK_HZ // LANE_HZ


@dataclass(frozen=True, eq=False)
class Stage:
    """What a family is given.

    Attributes:
        rng: the family draws everything from here.
        category: what the action sounds like.
        clock: [N] world seconds at each track sample; ``film_s`` [N] the film seconds.
        floor: height of the ground in the picture, 0 top .. 1 bottom.
        x: where the action is centred; ``size`` its typical half size, both in picture heights.
        metres: how many metres the picture is high (sets how fast things fall).
        photo: cut-out photograph of the sounding thing, or empty.
    """

    rng: np.random.Generator
    category: str
    clock: Floats
    film_s: Floats
    floor: float
    x: float
    size: float
    metres: float
    photo: str = ""

    @property
    def n(self) -> int:
        """Track samples."""
        return len(self.clock)

    @property
    def end_s(self) -> float:
        """World seconds the film lasts."""
        return float(self.clock[-1])

    @property
    def gravity(self) -> float:
        """Picture heights a second squared."""
        return 9.81 / self.metres

    def uniform(self, low: float, high: float) -> float:
        """One draw."""
        return float(self.rng.uniform(low, high))

    def chance(self, p: float) -> bool:
        """One toss."""
        return bool(self.rng.random() < p)

    def window(self, shortest_s: float = 1.5) -> tuple[float, float]:
        """Start and end of the action: most of the film, sometimes only a part of it."""
        if self.chance(0.5):
            return 0.0, self.end_s
        length = self.uniform(min(shortest_s, self.end_s), self.end_s)
        start = self.uniform(0.0, self.end_s - length)
        return start, start + length

    def moments(self, lead_s: float, gap_s: float, n_max: int, tail_s: float = 0.15) -> Floats:
        """1 to ``n_max`` separate moments, at least ``gap_s`` apart.

        The first comes after ``lead_s``, the last ``tail_s`` before the end, if there is room.
        """
        room = self.end_s - lead_s - tail_s
        if room <= 0:
            return np.array([max(0.5 * (self.end_s - tail_s), 0.02)])
        n = int(self.rng.integers(1, max(1, min(n_max, int(room / gap_s) + 1)) + 1))
        slack = max(room - (n - 1) * gap_s, 0.0)
        return np.asarray(lead_s + np.sort(self.rng.uniform(0, slack, n)) + gap_s * np.arange(n))

    def colour(self, dark: float = 0.05, bright: float = 0.95) -> Colour:
        """A random colour between two brightnesses, seldom very saturated."""
        grey = self.uniform(dark, bright)
        r, g, b = np.clip(grey + 0.18 * self.rng.standard_normal(3), 0, 1)
        return float(r), float(g), float(b)

    def sprite(self, shape: str, half_x: float, half_y: float, real: bool = False) -> Sprite:
        """A body's look; ``real`` asks for the photograph where there is one."""
        pattern = str(self.rng.choice(["plain", "stripes", "spots", "halves"]))
        photo = self.photo if real else ""
        if photo:  # a photograph needs some pixels to be known for what it is
            half_x, half_y = 1.6 * half_x, 1.6 * half_y
        return Sprite(shape, (half_x, half_y), self.colour(), self.colour(), pattern, photo)

    def body(
        self,
        sprite: Sprite,
        x: Floats | float,
        y: Floats | float,
        angle: Floats | float = 0.0,
        scale: Floats | float = 1.0,
        scale_y: Floats | float | None = None,
        shown: NDArray[np.bool_] | bool = True,
    ) -> Body:
        """Broadcast plain numbers to tracks; ``scale_y`` is ``scale`` unless given."""
        n = self.n
        pos = np.stack([np.broadcast_to(x, n), np.broadcast_to(y, n)], axis=1).astype(float)
        return Body(
            sprite,
            pos,
            np.broadcast_to(np.asarray(angle, float), n),
            np.stack(
                [
                    np.broadcast_to(scale, n),
                    np.broadcast_to(scale if scale_y is None else scale_y, n),
                ],
                axis=1,
            ).astype(float),
            np.broadcast_to(np.asarray(shown, bool), n),
        )

    def to_film(self, world_s: Floats) -> Floats:
        """World seconds -> film seconds; what lies outside the film becomes nan."""
        film = np.interp(world_s, self.clock, self.film_s, left=np.nan, right=np.nan)
        return np.asarray(film)

    def part(
        self,
        *,
        bodies: tuple[Body, ...] = (),
        particles: tuple[Particles, ...] = (),
        shimmers: tuple[Shimmer, ...] = (),
        times: Floats | None = None,
        strengths: Floats | None = None,
        level: Floats | None = None,
        ring_s: float = 0.12,
        kind: Kind = "oneshot",
        silent: bool = False,
        seen: bool = True,
        at: tuple[float, float] | None = None,
    ) -> Part:
        """Close a performance.

        Args:
            bodies: what moves.
            particles: specks.
            shimmers: seething regions.
            times: contacts in world seconds, with ``strengths`` (1 = as hard as this thing goes).
            strengths: one a contact.
            level: [N] loudness of the lasting part, 0..1; None when there is only the contacts.
            ring_s: how long a contact rings in the envelope.
            kind: how the sound fills time.
            silent: a distractor: moves, but no source is made.
            seen: False when the picture gives no clue of the moments.
            at: unused place of contact; contacts outside the picture are not seen.
        """
        if silent:
            return Part(bodies, particles, shimmers, None)
        times = np.zeros(0) if times is None else np.asarray(times, float)
        strengths = np.ones(len(times)) if strengths is None else np.asarray(strengths, float)
        film = self.to_film(times)
        inside = seen and (at is None or (0 <= at[0] <= ASPECT and 0 <= at[1] <= 1))
        hits = tuple(
            Hit(round(float(t), 4), round(float(np.clip(s, 0.03, 1)), 3), inside)
            for t, s in sorted(zip(film, strengths, strict=True))
            if np.isfinite(t)
        )
        lane_s = self.film_s[::_STEP]
        ringing = np.zeros(len(lane_s))
        for hit in hits:
            own = hit.strength * bumps(lane_s, np.array([hit.time_s]), 0.005, ring_s)
            ringing = np.maximum(ringing, own)
        lasting = np.zeros(len(lane_s)) if level is None else np.asarray(level)[::_STEP]
        intensity = np.clip(np.maximum(ringing, lasting), 0, 1)
        return Part(bodies, particles, shimmers, Source(self.category, kind, hits, intensity))


def specks(pos: Floats, speed: Floats, colour: Colour, opacity: float = 0.8) -> Particles:
    """Particles from tracks: ``pos`` [N, P, 2], ``speed`` [N, P, 2]; streaks last 1/50 s."""
    step = TRACK_HZ // 25
    return Particles(pos[::step], speed[::step] * 0.02, colour, opacity)
