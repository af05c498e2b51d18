"""A look at a media file's header: rate, length, start timecode, size. No picture is decoded.

Only plain container formats are admitted and only the ``file`` protocol, so that a playlist that
calls itself ``.mp4`` cannot make us open anything else.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av

from vatt_plugin.timeline.errors import TimelineError
from vatt_plugin.timeline.rates import exact_rate, parse_timecode

log = logging.getLogger(__name__)

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mxf,mpeg,mpegts,mpegvideo,h264,hevc,flv,asf,ogg,"
    "wav,aiff,mp3,flac,dv,gxf,lxf,m4v,nut,rawvideo,image2,png_pipe,jpeg_pipe,gif,yuv4mpegpipe,"
    "ivf,av1,obu,vc1,dnxhd,gif,rm,swf,wtv,bmp_pipe,tiff_pipe,webp_pipe,exr_pipe,dpx_pipe"
)
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mxf", ".mpg", ".mpeg", ".m2v", ".ts"}
    | {".mts", ".m2ts", ".vob", ".3gp", ".3g2", ".flv", ".wmv", ".asf", ".ogv", ".dv", ".gxf"}
    | {".y4m", ".qt"}
)
OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": FORMATS,
    "enable_drefs": "0",  # QuickTime references to other files
    "use_absolute_path": "0",
}


@dataclass(frozen=True)
class MediaFacts:
    """What a header says.

    Attributes:
        fps: exact video frame rate; None without a video stream.
        n_frames: video frames, as counted or as duration times rate.
        start_frame: start timecode in frames at ``fps``; 0 when the file carries none.
        has_start: whether the file carries a start timecode.
        drop: the timecode is drop-frame.
        width: picture width in pixels; ``height`` likewise.
        channels: how many each audio stream has.
    """

    fps: Fraction | None
    n_frames: int
    start_frame: int
    has_start: bool
    drop: bool
    width: int
    height: int
    channels: tuple[int, ...]

    @property
    def has_audio(self) -> bool:
        """Whether there is an audio stream."""
        return bool(self.channels)


@lru_cache(maxsize=4096)
def probe(path: Path) -> MediaFacts | None:
    """Read a file's header; None when it is not media that we can read."""
    try:
        with av.open(
            str(path.absolute()), options=OPTIONS, metadata_errors="replace", timeout=(5.0, 5.0)
        ) as container:
            return _facts(container)
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        log.info("probing %s: %s", path, error)
        return None


def _facts(container: av.container.InputContainer) -> MediaFacts | None:
    videos = [s for s in container.streams.video if "attached_pic" not in str(s.disposition)]
    channels = tuple(stream.codec_context.layout.nb_channels for stream in container.streams.audio)
    if not videos:
        return MediaFacts(None, 0, 0, False, False, 0, 0, channels)
    video = videos[0]
    guess = video.average_rate or video.guessed_rate or video.base_rate
    fps = exact_rate(float(guess)) if guess else None
    if fps is None:
        return None
    if fps.denominator > 1001:  # a phone's variable rate: the nearest rate an editor can use
        fps = exact_rate(round(float(fps), 2)) or fps
    if video.duration is not None and video.time_base is not None:
        length_s = video.duration * video.time_base
    else:
        length_s = Fraction(container.duration or 0, av.time_base)
    n_frames = round(length_s * fps) or video.frames
    text = _timecode(container)
    start, has_start = 0, False
    if text:
        try:
            start, has_start = parse_timecode(text, fps), True
        except TimelineError:
            log.info("unusable start timecode %r in %s", text, container.name)
    return MediaFacts(
        fps,
        max(0, n_frames),
        start,
        has_start,
        has_start and ";" in text,
        video.codec_context.width,
        video.codec_context.height,
        channels,
    )


def _timecode(container: av.container.InputContainer) -> str:
    for tags in (container.metadata, *(stream.metadata for stream in container.streams)):
        for key, value in tags.items():
            if key.lower() == "timecode":
                return str(value)
    return ""
