"""What a made film is: sources of sound with known moments, things that move, and a world around.

A ``Scene`` is a plan, not pixels: ``draw.py`` turns it into video frames, ``sound.py`` into audio
events, ``semantics.py`` into picture features. Everything in it follows from its seed.

Units: seconds; positions in picture heights (x from 0 to ``ASPECT``, y from 0 at the top to 1);
colours linear RGB 0..1. Tracks are sampled ``TRACK_HZ`` times a second so that the shutter can be
open between two video frames. Shapes: F video frames, N = F * SUBSAMPLES track samples,
T = lane samples at ``LANE_HZ``, P particles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vatt_engine.corpus.categories import Kind

FPS = 25
SUBSAMPLES = 4
TRACK_HZ = FPS * SUBSAMPLES
LANE_HZ = 50
ASPECT = 16 / 9

Floats = NDArray[np.floating[Any]]
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Hit:
    """One contact: when, how hard (0..1), and whether the picture shows it."""

    time_s: float
    strength: float
    visible: bool = True


@dataclass(frozen=True, eq=False)
class Source:
    """One thing that sounds.

    Attributes:
        category: name in ``corpus.categories``.
        kind: single events, a steady series of hits, or a lasting sound, as here performed.
        hits: contacts in film time, ascending; empty for a lasting sound without accents.
        intensity: [T] loudness envelope 0..1 at ``LANE_HZ``; zero where the source is silent.
        visible: whether the source is in the picture at all (False: off-screen sound).
        distance: 0 close .. 1 far away.
    """

    category: str
    kind: Kind
    hits: tuple[Hit, ...]
    intensity: Floats
    visible: bool = True
    distance: float = 0.2


@dataclass(frozen=True)
class Sprite:
    """How a body looks: an analytic shape with a pattern, or a photograph.

    Attributes:
        shape: key of ``draw.SHAPES``.
        half: half width and half height in picture heights.
        colour: body colour; ``accent`` colours the pattern, which makes rotation visible.
        pattern: ``plain``, ``stripes``, ``spots`` or ``halves``.
        photo: path of a cut-out photograph (RGBA) that replaces shape and pattern.
    """

    shape: str
    half: tuple[float, float]
    colour: Colour
    accent: Colour
    pattern: str = "plain"
    photo: str = ""


@dataclass(frozen=True, eq=False)
class Body:
    """A sprite on its way: ``pos``, ``scale`` [N, 2] (x, y), ``angle`` [N] rad, ``shown`` [N]."""

    sprite: Sprite
    pos: Floats
    angle: Floats
    scale: Floats
    shown: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Particles:
    """Specks: ``pos`` [F, P, 2] (nan = not there) and ``trail`` [F, P, 2], the streak behind."""

    pos: Floats
    trail: Floats
    colour: Colour
    opacity: float


@dataclass(frozen=True, eq=False)
class Shimmer:
    """A region that seethes: fire, water, leaves, cloth.

    Attributes:
        centre, radii: ellipse in picture heights; large radii cover the whole picture.
        cells: size of a cell of the moving pattern in picture heights.
        drift: [F, 2] how far the pattern has moved, in cells.
        morph: [F] how far the pattern has changed, in independent patterns.
        amplitude: [F] strength of the change of brightness, 0..1.
        colour: tint of the bright side.
        seed: of the pattern.
        glow: steady light under the pattern, as a share of the amplitude (flames, lightning).
    """

    centre: tuple[float, float]
    radii: tuple[float, float]
    cells: float
    drift: Floats
    morph: Floats
    amplitude: Floats
    colour: Colour
    seed: int
    glow: float = 0.0


@dataclass(frozen=True)
class Backdrop:
    """A procedural background; ``kind`` is a key of ``textures.BACKDROPS``."""

    kind: str
    seed: int
    floor: float
    tint: Colour


@dataclass(frozen=True, eq=False)
class World:
    """What is around the action.

    Attributes:
        backdrops: one per shot; ``shot`` [F] says which is on.
        camera: [N, 3] centre x, centre y, zoom.
        light: [F] factor on the whole picture.
        cutaway: [F] bool; True where the shot shows none of the action.
        occluder: a still body in front of everything, or None.
        shutter: whether the shutter stays open for half a video frame (motion blur).
        noise: standard deviation of the sensor noise, 0..0.1.
        quantiser: step of the block compression, 0 for none.
        bars: height of the black bars above and below, in picture heights.
        boundless: whether backdrops go on, mirrored, where they end; else their edge is drawn out.
    """

    backdrops: tuple[Backdrop, ...]
    shot: NDArray[np.int64]
    camera: Floats
    light: Floats
    cutaway: NDArray[np.bool_]
    occluder: Body | None = None
    shutter: bool = False
    noise: float = 0.0
    quantiser: float = 0.0
    bars: float = 0.0
    boundless: bool = False


@dataclass(frozen=True, eq=False)
class Part:
    """One piece of action made by a family, in film time: what moves and what it sounds like.

    ``picture`` is the first lemma of the ImageNet class the thing belongs to; empty for none.
    """

    bodies: tuple[Body, ...] = ()
    particles: tuple[Particles, ...] = ()
    shimmers: tuple[Shimmer, ...] = ()
    source: Source | None = None
    picture: str = ""


@dataclass(frozen=True, eq=False)
class Scene:
    """A whole film plan.

    Attributes:
        seed, split: what it was made from: ``train``, ``valid`` (training families, other pictures)
            ``test`` (held-out families) or ``blind`` (families nothing was tuned on).
        family: of the main part; ``still``, ``camera``, ``light`` and ``distractor`` make no sound.
        place: key of ``textures.BACKDROPS`` of the first shot.
        parts: silent ones included (distractors).
        style: names of what was done to the film (``cuts``, ``slow_motion``, ``handheld``, ...).
        slow: played seconds per world second, 1 for normal speed.
    """

    seed: int
    split: str
    family: str
    place: str
    duration_s: float
    parts: tuple[Part, ...]
    world: World
    style: tuple[str, ...] = ()
    slow: float = 1.0
    extra: tuple[Source, ...] = field(default=())

    @property
    def n_frames(self) -> int:
        """Video frames at ``FPS``."""
        return round(self.duration_s * FPS)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Everything that sounds, seen parts first, then what is only heard."""
        return tuple(p.source for p in self.parts if p.source is not None) + self.extra

    @property
    def hits(self) -> tuple[Hit, ...]:
        """All contacts of all sources, ascending."""
        return tuple(sorted((h for s in self.sources for h in s.hits), key=lambda h: h.time_s))
