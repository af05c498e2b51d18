"""What moves in a picture, 25 times a second: what a spotter reads hits from; numpy only.

Each video frame is compared with the one before at 80 x 45 points. The camera's own movement is
estimated (phase correlation, then a robust affine fit) and taken out; what is left is block flow,
least squares over brightness gradients (Lucas and Kanade 1981), on a grid of 9 x 16 blocks, and
change, which also tells of what moves too fast to be followed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from vatt_engine.media.picture import Image

Floats = NDArray[np.float32]
Motion = NDArray[np.float16]
"""Features of a picture [F, N_FEATURES]; half floats, for an hour of them is 40 million numbers."""

MOTION_FPS = 25
MOTION_WIDTH = 160
MOTION_HEIGHT = 90

FEATURES = (
    "energy",  # mean change of the picture that the camera does not explain
    "speed",  # mean residual flow
    "right",  # residual flow by direction, averaged over the picture
    "left",
    "down",
    "up",
    "camera",  # speed of the camera
    "zoom",  # expansion of the whole picture
    "cut",  # how unlike the frame before, 0..1
    "flash",  # change of mean brightness
)
"""Names of the first features, which tell of the whole picture. ``MAPS`` follow."""

GRID = (9, 16)
MAPS = ("change", "down", "right")
"""What is told of each block: N_BLOCKS features each, row by row. Change is in grey levels, flow in
points (half pixels of the image) a 25th of a second."""

N_BLOCKS = GRID[0] * GRID[1]
N_FEATURES = len(FEATURES) + len(MAPS) * N_BLOCKS

_BLOCK = 5  # points of a block's side: 45 / 9 and 80 / 16
_NOISE = 1.5  # grey levels that compression and grain alone change
_TEXTURE = 4.0  # gradient energy below which a block's flow is not trusted
_TEXTURED = 50.0  # brightness variance from which on a block is worth comparing
_CUT = 0.6
_LONGEST_STAY = 5  # 25ths of a second: 5 fps; an image that stays longer is a freeze
_AT = {name: i for i, name in enumerate(FEATURES)}


class MotionMeter:
    """Takes grey images one by one and keeps ``N_FEATURES`` numbers of each."""

    def __init__(self) -> None:
        self._image: Image | None = None
        self._before: _Prepared | None = None
        self._since_s = 0.0
        self._rows: list[Motion | None] = []
        self._spans: list[float] = []  # how many 25ths of a second each row's motion took

    def feed(self, image: Image, since_s: float | None = None) -> None:
        """Take the next image [90, 160]; the same array object means the same video frame.

        Args:
            image: as shown at this 25th of a second.
            since_s: when that video frame came on screen, if known. Sources of another rate show
                one or two new frames in a 25th of a second; this tells how far things should move.
        """
        if image is self._image:
            self._rows.append(None)  # told from its neighbours at the end
            self._spans.append(0.0)
            return
        now = _Prepared(image)
        at_s = len(self._rows) / MOTION_FPS if since_s is None else since_s
        span = (at_s - self._since_s) * MOTION_FPS
        if self._before is None:
            self._rows.append(np.zeros(N_FEATURES, np.float16))
        else:
            self._rows.append(_compare(self._before, now).astype(np.float16))
        self._spans.append(span if 0.2 <= span <= _LONGEST_STAY else 1.0)
        self._image, self._before, self._since_s = image, now, at_s

    def finish(self) -> Motion:
        """All features [F, N_FEATURES]."""
        return _fill_repeats(self._rows, self._spans)


def _fill_repeats(rows: list[Motion | None], spans: list[float]) -> Motion:
    """Spread the motion between two images over the time it took; [F, N_FEATURES].

    A source of 24 fps repeats an image once a second, one of 12 fps every image: the motion that
    shows with the next new image began when the one before came on screen. A freeze stays still.
    """
    filled = np.zeros((len(rows), N_FEATURES), np.float16)
    for at, (row, span) in enumerate(zip(rows, spans, strict=True)):
        if row is None:
            continue
        first = at
        while first > 0 and rows[first - 1] is None and at - first + 1 < span:
            first -= 1
        filled[first : at + 1] = row / np.float16(span)
        filled[at, _AT["cut"]] = row[_AT["cut"]]
    return filled


def _compare(before: _Prepared, now: _Prepared) -> Floats:
    """Features of one image."""
    row = np.zeros(N_FEATURES, np.float32)
    shift = _camera_shift(before, now)
    aligned = before.shifted(shift)
    cut = min(_unlikeness(aligned, now.points), _unlikeness(before.points, now.points))
    row[_AT["cut"]] = cut
    if cut > _CUT:
        return row
    gain = np.clip(now.points.std() / max(aligned.std(), 1e-3), 0.5, 2.0)  # light that changes
    flow, change, trust = _block_flow(aligned * gain, now.points, shift)
    camera = _affine(flow, trust)
    flow = (flow - camera) * np.minimum(1, change / (2 * _NOISE))[..., None]
    change = np.maximum(change - _NOISE, 0)
    toward, away = (np.maximum(f, 0).mean(axis=(0, 1)) for f in (flow, -flow))  # each (y, x)
    row[: _AT["camera"]] = (
        change.mean(),
        np.hypot(flow[..., 0], flow[..., 1]).mean(),
        *(toward[1], away[1], toward[0], away[0]),
    )
    row[_AT["camera"]] = np.hypot(*(shift + camera.mean(axis=(0, 1))))
    row[_AT["zoom"]] = camera[-1, :, 0].mean() - camera[0, :, 0].mean()
    row[_AT["flash"]] = (now.mean - before.mean) / 255
    maps = np.stack([change, flow[..., 0], flow[..., 1]])
    row[len(FEATURES) :] = maps.reshape(-1)
    return row


class _Prepared:
    """One image, ready to be compared."""

    def __init__(self, image: Image) -> None:
        grey = _halved(image)
        self.mean = float(grey.mean())
        # Light that changes is smooth in space: take out local means, keep what has edges.
        self.points: Floats = uniform_filter(grey, 5) - uniform_filter(grey, 21)
        self.spectrum = np.fft.rfft2(self.points * _HANN)
        self._full = np.fft.rfft2(self.points)

    def shifted(self, shift: Floats) -> Floats:
        """The points moved by (y, x), fractions of a point included; edges wrap round."""
        if not shift.any():
            return self.points
        ramp = np.exp(-2j * np.pi * (_FREQ_Y * shift[0] + _FREQ_X * shift[1]))
        moved: Floats = np.fft.irfft2(self._full * ramp, s=self.points.shape).astype(np.float32)
        return moved


def _halved(image: Image) -> Floats:
    """Means of 2 x 2 pixels [45, 80]."""
    rows = np.add(image[::2], image[1::2], dtype=np.float32)
    means: Floats = (rows[:, ::2] + rows[:, 1::2]) * np.float32(0.25)
    return means


_POINTS = (MOTION_HEIGHT // 2, MOTION_WIDTH // 2)
_HANN = np.outer(np.hanning(_POINTS[0]), np.hanning(_POINTS[1])).astype(np.float32)
_FREQ_Y = np.fft.fftfreq(_POINTS[0])[:, None]
_FREQ_X = np.fft.rfftfreq(_POINTS[1])[None, :]


def _camera_shift(before: _Prepared, now: _Prepared) -> Floats:
    """How far most of the picture moved (y, x) in points."""
    cross = now.spectrum * np.conj(before.spectrum)
    strongest = float(np.abs(cross).max())
    if strongest < 1e-3:
        return np.zeros(2, np.float32)
    surface = np.fft.irfft2(cross / (np.abs(cross) + 1e-2 * strongest), s=_POINTS)
    peak = np.unravel_index(int(surface.argmax()), surface.shape)
    shift = np.array([_refine(surface, peak, axis) for axis in (0, 1)], np.float32)
    # Beyond a quarter of the picture nothing can be followed.
    return shift if np.abs(shift).max() <= 12 else np.zeros(2, np.float32)


def _unlikeness(before: Floats, now: Floats) -> float:
    """0 for equal pictures, 1 for such that share nothing; every block with texture counts alike.

    So a thing that crosses the picture changes little, however bright it is, and a cut all.
    """
    both, first, second = _blocks(np.stack((before * now, before * before, now * now)))
    power = np.sqrt(first * second)
    weight = np.minimum(1, (first + second) / _TEXTURED)
    total = float(weight.sum())
    if total < 1:
        return 0.0
    return float(np.clip(1 - (weight * both / (power + 1e-3)).sum() / total, 0, 1))


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
    sums = _blocks(np.stack((gy * gy, gx * gx, gy * gx, gy * gt, gx * gt)))
    around: Floats = uniform_filter(sums, (1, 3, 3), mode="nearest")
    yy, xx, yx, yt, xt = around
    damping = _TEXTURE
    determinant = (yy + damping) * (xx + damping) - yx * yx
    vy = -((xx + damping) * yt - yx * xt) / determinant
    vx = -((yy + damping) * xt - yx * yt) / determinant
    flow = np.clip(np.stack([vy, vx], axis=-1), -4, 4)
    return flow, _blocks(np.abs(gt)), (yy + xx) / (yy + xx + _TEXTURE)


def _blocks(points: Floats) -> Floats:
    """Mean over blocks [..., 9, 16] of points [..., 45, 80]; as products, which are fastest."""
    return np.asarray(_BLOCK_ROWS @ points @ _BLOCK_COLUMNS, np.float32)


_SHARE = np.eye(max(GRID), dtype=np.float32) / np.float32(_BLOCK)
_BLOCK_ROWS = np.asarray(np.repeat(_SHARE[: GRID[0], : GRID[0]], _BLOCK, axis=1), np.float32)
_BLOCK_COLUMNS = np.asarray(np.repeat(_SHARE, _BLOCK, axis=0), np.float32)

_PLACE_Y, _PLACE_X = np.meshgrid(
    np.linspace(-1, 1, GRID[0]), np.linspace(-1, 1, GRID[1]), indexing="ij"
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
    return fitted.reshape(*GRID, 2).astype(np.float32)
