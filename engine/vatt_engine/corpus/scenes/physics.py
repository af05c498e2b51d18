"""Closed-form motion with exact contact times: no integration, so picture and truth agree exactly.

All functions take world time ``t`` [N] in seconds and return tracks [N]; contact times are world
seconds. Lengths are picture heights.
"""

from __future__ import annotations

import numpy as np

from vatt_engine.corpus.scenes.plan import Floats


def bounce(
    t: Floats, drop_s: float, height: float, gravity: float, restitution: float, n_max: int = 40
) -> tuple[Floats, Floats, Floats]:
    """A body let go at ``drop_s`` above a floor, bouncing until it rests.

    Returns:
        altitude above the floor [N] (``height`` before the release), contact times [k], contact
        speeds [k] in heights a second. Contacts slower than 2 % of the first are left out.
    """
    first_speed = np.sqrt(2 * gravity * height)
    speeds = first_speed * restitution ** np.arange(n_max)
    speeds = speeds[speeds > 0.02 * first_speed]
    fall_s = first_speed / gravity
    flights = 2 * speeds[1:] / gravity
    contacts = drop_s + fall_s + np.concatenate([[0.0], np.cumsum(flights)])
    altitude = np.where(t < drop_s, height, height - 0.5 * gravity * (t - drop_s) ** 2)
    index = np.searchsorted(contacts, t, side="right") - 1
    after = index >= 0
    since = t - contacts[np.clip(index, 0, None)]
    leaving = np.concatenate([speeds[1:], [0.0]])[np.clip(index, 0, None)]
    hop = np.maximum(leaving * since - 0.5 * gravity * since**2, 0.0)
    return np.where(after, hop, np.maximum(altitude, 0.0)), contacts, speeds


def strikes(t: Floats, times: Floats, lift_s: float, rebound: float = 0.12) -> Floats:
    """A tool that is raised and comes down exactly at each of ``times``.

    Returns:
        lift [N] 0..1: 0 on contact, 1 fully raised. The way down is accelerated (quadratic), the
        way up smooth, a small rebound follows each blow.
    """
    lift = np.full_like(t, 0.85)
    if len(times) == 0:
        return lift
    index = np.searchsorted(times, t, side="right")
    to_next = np.where(index < len(times), times[np.clip(index, 0, len(times) - 1)] - t, np.inf)
    since = np.where(index > 0, t - times[np.clip(index - 1, 0, None)], np.inf)
    down_s = 0.3 * lift_s
    falling = 1 - np.clip(1 - to_next / down_s, 0, 1) ** 2
    rising = np.clip((since - 0.06) / (0.7 * lift_s), 0, 1)
    rising = rising * rising * (3 - 2 * rising)
    bump = rebound * np.sin(np.pi * np.clip(since / 0.12, 0, 1))
    return np.minimum(np.maximum(rising, bump), falling)


def swing(
    t: Floats, period_s: float, amplitude: float, decay: float, phase_s: float
) -> tuple[Floats, Floats, Floats]:
    """A pendulum that strikes a wall at its lowest point and comes back the same side.

    Returns:
        angle [N] >= 0 in radians, contact times, contact angular speeds.
    """
    omega = np.pi / period_s
    envelope = amplitude * np.exp(-decay * np.maximum(t, 0.0))
    angle = envelope * np.abs(np.sin(omega * (t - phase_s)))
    n = int(np.ceil((t[-1] - phase_s) / period_s)) + 1
    contacts = phase_s + period_s * np.arange(0, max(n, 1))
    contacts = contacts[(contacts >= 0) & (contacts <= t[-1])]
    speeds = omega * amplitude * np.exp(-decay * contacts)
    return angle, contacts, speeds


def stride(t: Floats, times: Floats) -> tuple[Floats, Floats]:
    """Two feet that take turns touching down at ``times``.

    Returns:
        lift [2, N] (0 on the ground), swing [2, N] position within the step, -1 behind .. 1 ahead.
    """
    lift = np.zeros((2, len(t)))
    sway = np.zeros((2, len(t)))
    for foot in range(2):
        own = times[foot::2]
        if len(own) < 2:
            continue
        index = np.clip(np.searchsorted(own, t, side="right"), 1, len(own) - 1)
        start, end = own[index - 1], own[index]
        phase = np.clip((t - start) / (end - start), 0, 1)  # 0 at touch-down, 1 at the next one
        stance = 0.55
        swinging = np.clip((phase - stance) / (1 - stance), 0, 1)
        # Accelerated landing: the foot is still moving when it meets the ground.
        lift[foot] = np.where(phase > stance, np.sin(np.pi * swinging**1.25) ** 1.0, 0.0)
        sway[foot] = np.where(
            phase < stance, 1 - 2 * phase / stance, -1 + 2 * (3 * swinging**2 - 2 * swinging**3)
        )
    return lift, sway


def rolling(
    t: Floats, start_s: float, x0: float, x1: float, speed: float, restitution: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """A body rolling from ``x0`` to a wall at ``x1``, thrown back once, slowed by friction.

    Returns:
        x [N], speed [N] in heights a second (0..), contact times [0 or 1], contact speeds.
    """
    distance = abs(x1 - x0)
    sign = np.sign(x1 - x0)
    friction = 0.12 * speed
    # Solve distance = v s - f s^2 / 2 for the time of contact.
    reach = speed**2 - 2 * friction * distance
    if reach <= 0:
        s = np.clip(t - start_s, 0, speed / friction)
        x = x0 + sign * (speed * s - 0.5 * friction * s**2)
        v = np.where(t >= start_s, np.maximum(speed - friction * s, 0.0), 0.0)
        v = np.where((t - start_s) >= speed / friction, 0.0, v)
        return x, v, np.zeros(0), np.zeros(0)
    contact_s = (speed - np.sqrt(reach)) / friction
    impact_speed = speed - friction * contact_s
    back = restitution * impact_speed
    s = np.clip(t - start_s, 0, contact_s)
    x = x0 + sign * (speed * s - 0.5 * friction * s**2)
    r = np.clip(t - start_s - contact_s, 0, back / friction)
    x = x - sign * (back * r - 0.5 * friction * r**2)
    running = (t >= start_s) & (t - start_s < contact_s)
    returning = (t - start_s >= contact_s) & (t - start_s - contact_s < back / friction)
    v = np.where(running, speed - friction * s, np.where(returning, back - friction * r, 0.0))
    return x, v, np.array([start_s + contact_s]), np.array([impact_speed])


def series(
    rng: np.random.Generator, start_s: float, end_s: float, rate_hz: float, jitter: float
) -> Floats:
    """Moments from ``start_s`` to ``end_s`` at about ``rate_hz``, each off by ``jitter`` periods.

    There is always one: the middle, when the span is too short for a period.
    """
    period = 1 / rate_hz
    n = max(int((end_s - start_s) / period), 1)
    times = start_s + period * (np.arange(n) + jitter * rng.uniform(-1, 1, n))
    times = np.sort(times[(times >= start_s) & (times < end_s)])
    return times if len(times) else np.array([(start_s + max(end_s, start_s)) / 2])


def bumps(t: Floats, times: Floats, attack_s: float, decay_s: float) -> Floats:
    """Sum-free envelope [N] 0..1 that peaks ``attack_s`` after each of ``times``."""
    if len(times) == 0:
        return np.zeros_like(t)
    index = np.searchsorted(times, t, side="right") - 1
    since = np.where(index >= 0, t - times[np.clip(index, 0, None)], np.inf)
    rise = np.clip(since / max(attack_s, 1e-6), 0, 1)
    return np.where(
        np.isfinite(since), rise * np.exp(-np.maximum(since - attack_s, 0) / decay_s), 0.0
    )


def smooth_walk(rng: np.random.Generator, n: int, rate_hz: float, track_hz: float) -> Floats:
    """A smooth random track [n] of unit size that wanders at about ``rate_hz``."""
    n_knots = max(int(np.ceil(n / track_hz * rate_hz)) + 4, 4)
    knots = rng.standard_normal(n_knots)
    x = np.linspace(0.5, n_knots - 3.5, n)
    i = np.floor(x).astype(int)
    f = x - i
    i = np.clip(i, 0, n_knots - 4)
    a, b, c, d = knots[i], knots[i + 1], knots[i + 2], knots[i + 3]
    # Uniform cubic B-spline: twice differentiable, so no jerks that a motion detector would hear.
    basis = (
        (1 - f) ** 3 * a
        + (3 * f**3 - 6 * f**2 + 4) * b
        + (-3 * f**3 + 3 * f**2 + 3 * f + 1) * c
        + f**3 * d
    ) / 6
    return np.asarray(1.6 * basis)
