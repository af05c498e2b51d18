"""Families of the split ``blind``: no training film uses them, and nothing is tuned on them.

They were written before the abstract contacts were widened (``training.contacts``), so that the
spotter is measured once on motions that no choice of its makers was made for. Contacts are in
closed form as everywhere.
"""

from __future__ import annotations

import numpy as np

from vatt_engine.corpus.scenes import physics
from vatt_engine.corpus.scenes.plan import Floats, Part
from vatt_engine.corpus.scenes.stage import Stage


def dribble(stage: Stage) -> Part:
    """A ball kept going by a hand; it sounds on the floor, the palm is soft."""
    start, end = stage.window()
    times = physics.series(stage.rng, start + 0.3, end, stage.uniform(1.2, 2.6), 0.06)
    bounds = np.concatenate([[times[0] - 0.5], times, [times[-1] + 0.5]])
    index = np.clip(np.searchsorted(bounds, stage.clock, side="right"), 1, len(bounds) - 1)
    length = bounds[index] - bounds[index - 1]
    u = np.clip((stage.clock - bounds[index - 1]) / length, 0, 1)
    u = np.where(index == 1, 0.5 + 0.5 * u, np.where(index == len(bounds) - 1, 0.5 * u, u))
    # Pushed, so faster near the floor and turned round sooner at the top than by gravity alone.
    height = np.minimum(0.45, stage.gravity * length**2 / 8)
    rise = height * (1 - np.abs(2 * u - 1) ** stage.uniform(1.4, 2.0))
    half = stage.size * 0.9
    ball = stage.body(
        stage.sprite("disc", half, half, real=True), stage.x, stage.floor - half - rise
    )
    palm_y = stage.floor - 2 * half - np.maximum(rise, 0.6 * height.max()) - 0.02
    palm = stage.body(stage.sprite("blob", half, 0.03), stage.x, palm_y)
    arm = stage.body(stage.sprite("bar", 0.03, 0.2), stage.x + 0.5 * half, palm_y - 0.2)
    strengths = stage.rng.uniform(0.6, 1.0, len(times))
    return stage.part(bodies=(ball, arm, palm), times=times, strengths=strengths, kind="rhythm")


def sweep(stage: Stage) -> Part:
    """A broom that is put down, drawn over the floor, lifted and carried back."""
    start, end = stage.window()
    times = physics.series(stage.rng, start + 0.4, end, stage.uniform(0.6, 1.6), 0.1)
    index = np.clip(np.searchsorted(times, stage.clock, side="right"), 1, len(times)) - 1
    period = np.diff(times, append=times[-1] + 1.0)[index]
    u = np.clip((stage.clock - times[index]) / period, -1, 1)
    share = stage.uniform(0.4, 0.6)  # of the period on the floor
    drawn = np.clip(u / share, 0, 1)
    back = np.clip((u - share) / (1 - share), 0, 1)
    last = (index == len(times) - 1) & (u > share)  # it stays where it was drawn to
    lead = np.clip((times[0] - stage.clock) / 0.3, 0, 1)
    lift = np.where(last, 0.0, np.sin(np.pi * back**1.25)) + np.where(u < 0, lead**0.8, 0.0)
    reach = stage.uniform(0.1, 0.25) * (1 if stage.chance(0.5) else -1)
    place = np.where(last, 1.0, drawn * (2 - drawn) - back * back * (3 - 2 * back))
    x = stage.x + reach * (2 * place - 1)
    y = stage.floor - 0.03 - stage.uniform(0.05, 0.12) * lift
    length = stage.uniform(0.25, 0.4)
    hands_x = stage.x + 0.3 * (x - stage.x)
    tilt = np.arctan2(2 * length, x - hands_x)
    head = stage.body(stage.sprite("box", 0.06 + 0.3 * stage.size, 0.035, real=True), x, y)
    handle = stage.body(stage.sprite("bar", length, 0.012), (x + hands_x) / 2, y - length, tilt)
    strokes = 6 * drawn * (1 - drawn) / 1.5 * (u > 0)
    return stage.part(
        bodies=(handle, head),
        times=times,
        strengths=stage.rng.uniform(0.5, 0.9, len(times)),
        level=0.6 * np.clip(strokes, 0, 1),
        kind="rhythm",
    )


def dominoes(stage: Stage) -> Part:
    """A row of dominoes: each meets the next, the last one the floor."""
    n = int(stage.rng.integers(5, 12))
    tall = stage.uniform(0.1, 0.22)
    gap = tall * stage.uniform(0.35, 0.6)
    # The wave gains speed over the first few and then keeps it.
    delay = stage.uniform(0.08, 0.2) * (1 + 2.0 * np.exp(-np.arange(n) / 1.5))
    start = stage.uniform(0.1, max(stage.end_s - float(delay.sum()) - 0.3, 0.15))
    times = start + np.cumsum(delay)
    side = -1.0 if stage.chance(0.5) else 1.0
    meeting, resting = float(np.arcsin(gap / tall)), stage.uniform(1.15, 1.3)
    bodies = []
    for k in range(n):
        since = stage.clock - (times[k - 1] if k else start)
        last = k == n - 1
        end = np.pi / 2 if last else meeting
        angle = end * np.clip(since / delay[k], 0, 1) ** 2
        if not last:  # it goes on down as the next one gives way
            more = np.clip((stage.clock - times[k]) / (2.5 * float(delay[-1])), 0, 1)
            angle = angle + (resting - meeting) * more * (2 - more)
        foot = stage.x + side * gap * (k - n / 2)
        bodies.append(
            stage.body(
                stage.sprite("box", 0.12 * tall, 0.5 * tall, real=k == 0),
                foot + side * 0.5 * tall * np.sin(angle),
                stage.floor - 0.5 * tall * np.cos(angle),
                side * angle,
            )
        )
    strengths = np.concatenate([stage.rng.uniform(0.4, 0.7, n - 1), [0.9]])
    return stage.part(bodies=tuple(bodies), times=times, strengths=strengths, kind="rhythm")


def deal(stage: Stage) -> Part:
    """Cards thrown from a hand to places on a table, where they land flat and slide a little."""
    start, end = stage.window()
    times = physics.series(stage.rng, start + 0.4, end, stage.uniform(0.7, 2.2), 0.15)
    flight = stage.uniform(0.16, 0.32)
    half = 0.03 + 0.3 * stage.size
    hand_x, hand_y = stage.x, stage.uniform(0.2, 0.4)
    bodies = []
    for time_s in times:
        x, y = stage.x + stage.uniform(-0.5, 0.5), stage.floor - stage.uniform(0.0, 0.15)
        u = np.clip((stage.clock - time_s + flight) / flight, 0, 1)
        slid = np.clip((stage.clock - time_s) / 0.12, 0, 1)
        on = 0.15 * (x - hand_x) * slid * (2 - slid)
        bodies.append(
            stage.body(
                stage.sprite("box", half, 0.7 * half, real=True),
                hand_x + (x - hand_x) * u + on,
                hand_y + (y - hand_y) * u * u,
                stage.uniform(-5, 5) * (u - 1 + 0.1 * slid),
                shown=stage.clock > time_s - flight,
            )
        )
    jerk = physics.bumps(stage.clock, times - flight - 0.06, 0.06, 0.15)
    hand = stage.body(stage.sprite("blob", 0.07, 0.05), hand_x + 0.05 * jerk, hand_y - 0.03)
    strengths = stage.rng.uniform(0.5, 1.0, len(times))
    return stage.part(bodies=(*bodies, hand), times=times, strengths=strengths, kind="rhythm")


def ratchet(stage: Stage) -> Part:
    """A toothed wheel turned by a crank in bouts; a pawl climbs each tooth and drops."""
    pace: Floats = np.zeros(stage.n)
    for start in stage.moments(0.1, 1.4, 3):
        u = np.clip((stage.clock - start) / stage.uniform(0.7, 1.3), 0, 1)
        pace = np.maximum(pace, np.clip(5 * np.minimum(u, 1 - u), 0, 1))
    teeth = int(stage.rng.integers(7, 13))
    phase = stage.uniform(3.0, 7.0) * np.cumsum(pace * np.gradient(stage.clock))
    crossed = np.arange(1, int(phase[-1]) + 1)
    times = np.interp(crossed, phase, stage.clock)
    part = phase % 1.0
    lift = np.minimum(part, (1 - part) / 0.1)  # falls off the tooth within a tenth of its pitch
    turned = 2 * np.pi * phase / teeth
    half = stage.size * 1.4
    y = stage.floor - 1.5 * half
    wheel = stage.body(stage.sprite("disc", half, half, real=True), stage.x, y, turned)
    crank = stage.body(
        stage.sprite("bar", 0.8 * half, 0.02),
        stage.x + 0.7 * half * np.cos(turned),
        y + 0.7 * half * np.sin(turned),
        turned,
    )
    length, raised = 0.9 * half + 0.04, 0.1 + stage.uniform(0.2, 0.5) * lift
    pivot_x, pivot_y = stage.x + half + 2 * length, y - half
    pawl = stage.body(
        stage.sprite("bar", length, 0.02),
        pivot_x - length * np.cos(raised),
        pivot_y - length * np.sin(raised),
        raised,
    )
    strengths = stage.rng.uniform(0.6, 0.9, len(times))
    return stage.part(bodies=(wheel, crank, pawl), times=times, strengths=strengths, kind="rhythm")


def whip(stage: Stage) -> Part:
    """A whip: the loop runs along the thong ever faster and cracks where it leaves the tip."""
    times = stage.moments(0.6, 1.2, 4)
    n_links = 8
    length = stage.uniform(0.5, 0.9) / n_links
    side = -1.0 if stage.chance(0.5) else 1.0
    x: Floats = np.full(stage.n, stage.x - side * 0.3)
    y: Floats = np.full(stage.n, stage.floor - 0.4)
    links = []
    for k in range(n_links):
        ahead = 1 - k / (n_links - 1)  # 1 at the handle, 0 at the tip
        before, width = 0.28 * ahead**1.6, 0.04 + 0.12 * ahead
        forward: Floats = np.zeros(stage.n)
        for time_s in times:
            u = np.clip((stage.clock - time_s + before) / width + 0.5, 0, 1)
            rest = np.clip((stage.clock - time_s - 0.15) / 0.7, 0, 1)
            back = 1 - rest * rest * (3 - 2 * rest)
            forward = np.maximum(forward, u * u * (3 - 2 * u) * back)
        angle = np.pi - 2.6 * forward  # from behind, over the top, to the front
        dx, dy = side * np.cos(angle), -np.sin(angle)
        links.append(
            stage.body(
                stage.sprite("bar", 0.55 * length, 0.008 + 0.012 * ahead),
                x + 0.5 * length * dx,
                y + 0.5 * length * dy,
                np.arctan2(dy, dx),
            )
        )
        x, y = x + length * dx, y + length * dy
    hand = stage.body(
        stage.sprite("blob", 0.06, 0.08, real=True), stage.x - side * 0.3, stage.floor - 0.4
    )
    strengths = stage.rng.uniform(0.8, 1.0, len(times))
    return stage.part(bodies=(*links, hand), times=times, strengths=strengths)
