"""What moves in a picture, 25 times a second, and the moments where something hits; numpy only.

Each video frame is compared with the one before at 80 x 45 points. The camera's own movement is
estimated (phase correlation, then a robust affine fit) and taken out; what is left is block flow,
least squares over brightness gradients (Lucas and Kanade 1981), on a grid of 9 x 16. A contact
shows as momentum that changes from one frame to the next: a falling ball that rises, a hammer that
stops, a glass that starts to move. Slow changes, pans, flicker and cuts do not.

This spotter knows nothing but physics. It gives lanes where no trained one exists, and ranks takes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, median_filter, uniform_filter, uniform_filter1d

from vatt_engine.media.picture import Image
from vatt_engine.messages import SyncLane

Floats = NDArray[np.float32]

MOTION_FPS = 25
MOTION_WIDTH = 160
MOTION_HEIGHT = 90
LANE_HZ = 50.0

FEATURES = (
    "energy",  # mean change of the picture that the camera does not explain
    "speed",  # mean residual flow
    "right",  # momentum by direction, summed over the picture
    "left",
    "down",
    "up",
    "jolt",  # change of momentum since the frame before, summed over cells
    "camera",  # speed of the camera
    "zoom",  # expansion of the whole picture
    "cut",  # how unlike the frame before, 0..1
    "flash",  # change of mean brightness
    "burst",  # increase of energy, summed over cells
)
"""Names of the first features; the rest are the energies of 3 x 4 cells, row by row."""

CELLS = (3, 4)
N_FEATURES = len(FEATURES) + CELLS[0] * CELLS[1]

_GRID = (9, 16)
_BLOCK = 5  # points of a block's side: 45 / 9 and 80 / 16
_NOISE = 1.5  # grey levels that compression and grain alone change
_TEXTURE = 4.0  # gradient energy below which a block's flow is not trusted
_CUT = 0.5


class MotionMeter:
    """Takes grey images one by one and keeps ``N_FEATURES`` numbers of each."""

    def __init__(self) -> None:
        self._image: Image | None = None
        self._before: _Prepared | None = None
        self._momentum: Floats | None = None
        self._energy: Floats | None = None
        self._rows: list[Floats | None] = []

    def feed(self, image: Image) -> None:
        """Take the next image [90, 160]; the same array object means the same video frame."""
        if image is self._image:
            self._rows.append(None)  # judged from its neighbours at the end
            return
        now = _Prepared(image)
        if self._before is None:
            self._rows.append(np.zeros(N_FEATURES, np.float32))
        else:
            self._rows.append(self._compare(self._before, now))
        self._image, self._before = image, now

    def finish(self) -> Floats:
        """All features [F, N_FEATURES]."""
        rows = np.zeros((len(self._rows), N_FEATURES), np.float32)
        for i, row in enumerate(self._rows):
            if row is not None:
                rows[i] = row
        # A source slower than 25 fps repeats frames now and then: those show no motion of their
        # own. They get half of what the next one shows, which has moved for twice the time.
        for i in range(len(rows) - 1):
            following = self._rows[i + 1]
            if self._rows[i] is None and following is not None:
                rows[i] = rows[i + 1] = following / 2
        return rows

    def _compare(self, before: _Prepared, now: _Prepared) -> Floats:
        shift, cut = _camera_shift(before, now)
        if cut > _CUT:
            self._momentum = self._energy = None
            row = np.zeros(N_FEATURES, np.float32)
            row[FEATURES.index("cut")] = cut
            return row
        flow, change, trust = _block_flow(before.shifted(shift), now.points, shift)
        camera = _affine(flow, trust)
        flow = (flow - camera) * np.minimum(1, change / (2 * _NOISE))[..., None]
        change = np.maximum(change - _NOISE, 0)
        momentum = np.einsum("crk,rkd->cd", _CELL_WEIGHTS, flow)  # [12, 2], y before x
        energy = np.einsum("crk,rk->c", _CELL_WEIGHTS, change)
        last_momentum = momentum if self._momentum is None else self._momentum
        last_energy = energy if self._energy is None else self._energy
        self._momentum, self._energy = momentum, energy
        ys, xs = np.maximum(flow, 0).mean(axis=(0, 1)), np.maximum(-flow, 0).mean(axis=(0, 1))
        head = (
            change.mean(),
            np.hypot(flow[..., 0], flow[..., 1]).mean(),
            *(ys[1], xs[1], ys[0], xs[0]),
            np.hypot(*(momentum - last_momentum).T).sum(),
            float(np.hypot(*(shift + camera.mean(axis=(0, 1))))),
            _expansion(camera),
            cut,
            (now.mean - before.mean) / 255,
            np.maximum(energy - last_energy, 0).sum(),
        )
        return np.concatenate([np.array(head, np.float32), energy.astype(np.float32)])


class _Prepared:
    """One image, ready to be compared."""

    def __init__(self, image: Image) -> None:
        height, width = MOTION_HEIGHT // 2, MOTION_WIDTH // 2
        grey = image.reshape(height, 2, width, 2).astype(np.float32).mean(axis=(1, 3))
        self.mean = float(grey.mean())
        # Light that changes is smooth in space: take out local means, keep what has edges.
        self.points: Floats = uniform_filter(grey, 3) - uniform_filter(grey, 15)
        self.spectrum = np.fft.rfft2(self.points * _HANN)
        self._full = np.fft.rfft2(self.points)

    def shifted(self, shift: Floats) -> Floats:
        """The points moved by (y, x), fractions of a point included; edges wrap round."""
        if not shift.any():
            return self.points
        ramp = np.exp(-2j * np.pi * (_FREQ_Y * shift[0] + _FREQ_X * shift[1]))
        moved: Floats = np.fft.irfft2(self._full * ramp, s=self.points.shape).astype(np.float32)
        return moved


_POINTS = (MOTION_HEIGHT // 2, MOTION_WIDTH // 2)
_HANN = np.outer(np.hanning(_POINTS[0]), np.hanning(_POINTS[1])).astype(np.float32)
_FREQ_Y = np.fft.fftfreq(_POINTS[0])[:, None]
_FREQ_X = np.fft.rfftfreq(_POINTS[1])[None, :]


def _cell_weights() -> Floats:
    """Soft membership of blocks in 3 x 4 overlapping cells [12, 9, 16], 1 in all for a block."""

    def along(n_cells: int, n_blocks: int) -> Floats:
        centres = (np.arange(n_cells) + 0.5) / n_cells
        places = (np.arange(n_blocks) + 0.5) / n_blocks
        tent = np.maximum(0, 1 - np.abs(places - centres[:, None]) * n_cells)
        return np.asarray(tent / tent.sum(axis=0), np.float32)

    rows, columns = along(CELLS[0], _GRID[0]), along(CELLS[1], _GRID[1])
    weights: Floats = np.einsum("ar,bk->abrk", rows, columns).reshape(-1, *_GRID)
    return weights / np.float32(_GRID[0] * _GRID[1])


_CELL_WEIGHTS = _cell_weights()


def _camera_shift(before: _Prepared, now: _Prepared) -> tuple[Floats, float]:
    """How far most of the picture moved (y, x) in points, and how unlike the two are (0..1)."""
    power = float(np.linalg.norm(before.spectrum) * np.linalg.norm(now.spectrum))
    if power < 1e-3:
        return np.zeros(2, np.float32), 0.0
    cross = now.spectrum * np.conj(before.spectrum)
    plain = np.fft.irfft2(cross, s=_POINTS)
    sharp = np.fft.irfft2(cross / (np.abs(cross) + 1e-2 * np.abs(cross).max() + 1e-9), s=_POINTS)
    peak = np.unravel_index(int(sharp.argmax()), sharp.shape)
    shift = np.array([_refine(sharp, peak, axis) for axis in (0, 1)], np.float32)
    # Correlation with and without the shift found: two pictures that share nothing are a cut.
    norm = np.sqrt(float((before.points * _HANN).var() * (now.points * _HANN).var()))
    alike = max(float(plain.max()), float(plain[0, 0])) / (norm * plain.size + 1e-6)
    cut = float(np.clip(1 - alike, 0, 1))
    if np.abs(shift).max() > 12:  # beyond a quarter of the picture nothing can be followed
        shift = np.zeros(2, np.float32)
    return shift, cut


def _refine(surface: NDArray[np.float64], peak: tuple[np.intp, ...], axis: int) -> float:
    """Peak place along an axis between points, as a signed shift."""
    n = surface.shape[axis]
    at = int(peak[axis])
    index = list(map(int, peak))

    def value(place: int) -> float:
        index[axis] = place % n
        return float(surface[tuple(index)])

    low, here, high = value(at - 1), value(at), value(at + 1)
    bend = low - 2 * here + high
    fine = at + (0.5 * (low - high) / bend if bend < 0 else 0.0)
    return fine - n if fine > n / 2 else fine


def _block_flow(before: Floats, now: Floats, shift: Floats) -> tuple[Floats, Floats, Floats]:
    """Flow [9, 16, 2] (y, x) in points, mean absolute change and trust [9, 16] of the blocks."""
    middle = (before + now) / 2
    gy, gx = (np.asarray(g, np.float32) for g in np.gradient(middle))
    gt = now - before
    border = np.ceil(np.abs(shift)).astype(int) + 1  # what wrapped round is no motion
    gt[: border[0]] = gt[-border[0] :] = 0
    gt[:, : border[1]] = gt[:, -border[1] :] = 0
    sums = [_blocks(p) for p in (gy * gy, gx * gx, gy * gx, gy * gt, gx * gt)]
    yy, xx, yx, yt, xt = (uniform_filter(s, 3, mode="nearest") for s in sums)
    damping = _TEXTURE
    determinant = (yy + damping) * (xx + damping) - yx * yx
    vy = -((xx + damping) * yt - yx * xt) / determinant
    vx = -((yy + damping) * xt - yx * yt) / determinant
    flow = np.clip(np.stack([vy, vx], axis=-1), -4, 4)
    return flow, _blocks(np.abs(gt)), (yy + xx) / (yy + xx + _TEXTURE)


def _blocks(points: Floats) -> Floats:
    """Mean over blocks [9, 16] of points [45, 80]."""
    means: Floats = points.reshape(_GRID[0], _BLOCK, _GRID[1], _BLOCK).mean(axis=(1, 3))
    return means


_PLACE_Y, _PLACE_X = np.meshgrid(
    np.linspace(-1, 1, _GRID[0]), np.linspace(-1, 1, _GRID[1]), indexing="ij"
)
_AFFINE = np.stack([np.ones_like(_PLACE_Y), _PLACE_Y, _PLACE_X], axis=-1).reshape(-1, 3)


def _affine(flow: Floats, trust: Floats) -> Floats:
    """What a moving, turning, zooming camera makes of the grid [9, 16, 2], robustly."""
    values, weights = flow.reshape(-1, 2), trust.reshape(-1).astype(np.float64)
    fitted = np.zeros_like(values)
    for _ in range(3):
        left = _AFFINE.T * weights
        solution = np.linalg.solve(left @ _AFFINE + 1e-3 * np.eye(3), left @ values)
        fitted = _AFFINE @ solution
        error = np.hypot(*(values - fitted).T)
        scale = max(0.05, float(np.median(error)))
        weights = trust.reshape(-1) / (1 + (error / (2 * scale)) ** 2)
    return fitted.reshape(*_GRID, 2).astype(np.float32)


def _expansion(camera: Floats) -> float:
    return float(camera[-1, :, 0].mean() - camera[0, :, 0].mean())


def spot(motion: Floats, fps: float = MOTION_FPS) -> SyncLane:
    """The sync lane of a picture: where it hits, and how busy it is.

    Args:
        motion: features [F, N_FEATURES].
        fps: of the features.
    """
    if len(motion) < 3:
        return SyncLane((), tuple(0.0 for _ in range(round(len(motion) / fps * LANE_HZ))), LANE_HZ)
    return SyncLane(tuple(_hits(motion, fps)), _intensity(motion, fps), LANE_HZ)


def _hits(motion: Floats, fps: float) -> Iterator[tuple[float, float]]:
    jolt = motion[:, FEATURES.index("jolt")].astype(np.float64)
    cut = motion[:, FEATURES.index("cut")]
    jolt[maximum_filter1d(cut, 3) > _CUT] = 0
    width = int(0.8 * fps) | 1
    usual = median_filter(jolt, width, mode="nearest")
    unusual = np.maximum(jolt - 1.5 * usual, 0)
    loudest = float(np.quantile(unusual, 0.995))
    threshold = max(0.004, 0.15 * loudest, 1.5 * float(usual.mean()))
    highest = maximum_filter1d(unusual, 5)
    for i in np.flatnonzero((unusual == highest) & (unusual > threshold)):
        low, here, high = (unusual[j] if 0 <= j < len(unusual) else 0.0 for j in (i - 1, i, i + 1))
        # Momentum is known between frames i-1 and i, its change is centred on frame i - 1.
        place = i - 1 + (high - low) / (2 * (low + here + high))
        strength = min(1.0, float(np.sqrt(here / (loudest + 1e-9))))
        yield max(0.0, float(place / fps)), strength


def _intensity(motion: Floats, fps: float) -> tuple[float, ...]:
    speed = motion[:, FEATURES.index("speed")] + 0.02 * motion[:, FEATURES.index("energy")]
    smooth = uniform_filter1d(speed.astype(np.float64), 3)
    level = smooth / (smooth + max(0.02, float(np.quantile(smooth, 0.9)) / 2))
    n = round(len(motion) / fps * LANE_HZ)
    times = (np.arange(n) + 0.5) / LANE_HZ
    track = np.interp(times, (np.arange(len(motion)) + 0.5) / fps, level)
    return tuple(round(float(v), 4) for v in track)
