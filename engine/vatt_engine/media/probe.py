"""Open a media file safely and say what is in it.

Files come from anywhere, so they are opened with a whitelist of containers and of one protocol
(``file``): a playlist, a ``concat`` script or a URL is never followed, whatever its name says.
Sizes are taken from the header before anything is decoded.
"""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from vatt_engine.errors import MediaMissing, MediaTooLarge, MediaUnreadable, NoVideoStream

MAX_VIDEO_PIXELS = 8192 * 4352
"""Largest video frame: 8K DCI, padded to whole blocks. Decoders keep several of them."""

MAX_STILL_PIXELS = 64 << 20
"""Largest still image; one of 16 bit RGBA takes 512 MB while it is scaled down."""

# Demuxers that read one local file and nothing else. Not among them: hls, dash, concat, image2
# (patterns), sdp, rtsp, and raw formats that any bytes would satisfy.
_MOVIES = (
    "3gp,apng,asf,av1,avi,dv,flv,gif,h264,hevc,ivf,m4v,matroska,mjpeg,mov,mp4,mpeg,mpegts,"
    "mpegvideo,mxf,mxf_opatom,nut,obu,ogg,rm,swf,vc1,webm,yuv4mpegpipe"
)
_STILLS = (
    "bmp_pipe,dpx_pipe,exr_pipe,gem_pipe,gif_pipe,hdr_pipe,j2k_pipe,jpeg_pipe,jpegls_pipe,"
    "jpegxl_pipe,pam_pipe,pbm_pipe,pcx_pipe,pgm_pipe,png_pipe,ppm_pipe,psd_pipe,qoi_pipe,"
    "sgi_pipe,sunrast_pipe,tiff_pipe,webp_pipe"
)
_TARGA = ".tga"  # has no mark of its own: known by its name alone, and opened as one image
# Sound-only containers: opened so that the refusal can say "no picture" instead of "unreadable".
_SOUNDS = "aac,ac3,aiff,amr,ape,au,caf,flac,mp3,w64,wav"
_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": f"{_MOVIES},{_STILLS},{_SOUNDS}",
    "max_pixels": str(max(MAX_VIDEO_PIXELS, MAX_STILL_PIXELS)),
}
_PLAYLIST_STARTS = (b"#EXTM3U", b"ffconcat version", b"[playlist]", b"v=0\r\n", b"v=0\n")
_PLAYLIST_TAGS = (b"<MPD", b"<SmoothStreamingMedia", b"<manifest")


@dataclass(frozen=True)
class MediaInfo:
    """What the header of a media file says, confirmed by decoding its first video frame.

    Attributes:
        path: the file.
        container: name of the demuxer, such as ``mov,mp4,m4a,3gp,3g2,mj2`` or ``png_pipe``.
        codec: name of the video codec.
        width: as the audience sees it: rotated, with square pixels.
        height: as ``width``.
        fps: average video frames per second; 0 for a still image.
        duration_s: length of the video stream; None when the header does not tell.
        n_frames: number of video frames; None when the header does not tell.
        has_audio: whether there is a sound stream.
        is_still: whether it is one image that can be shown for any length of time.
        start_timecode: ``hh:mm:ss:ff`` (or ``;ff``) of the first video frame, if recorded.
    """

    path: Path
    container: str
    codec: str
    width: int
    height: int
    fps: Fraction
    duration_s: float | None
    n_frames: int | None
    has_audio: bool
    is_still: bool
    start_timecode: str | None


def open_media(path: Path) -> Any:
    """Open a file for reading with everything but plain local media switched off.

    Args:
        path: the file; never parsed as a URL.

    Returns:
        An ``av.container.InputContainer``; the caller closes it.

    Raises:
        MediaMissing: nothing is there, or the name cannot be a file's.
        MediaUnreadable: a directory, an empty file, a playlist, no permission, or no media.
        MediaTooLarge: a still image whose header promises too many pixels.
    """
    _check_file(path)
    try:
        head = _head(path)
    except OSError as error:
        raise MediaUnreadable(
            f"{path.name} cannot be read: {error.strerror or error}.",
            "Check the file's permissions and that its disk is still connected.",
        ) from None
    if _is_playlist(head):
        raise MediaUnreadable(
            f"{path.name} is a list of other files, not a movie; lists are not followed.",
            "Relink the clip to the movie itself.",
        )
    size = still_size(head)
    if size is not None:
        check_size(path, *size, still=True)
    options, container = dict(_OPTIONS), None
    if path.suffix.lower() == _TARGA:
        options |= {"format_whitelist": "image2", "pattern_type": "none"}
        container = "image2"
    try:
        return av.open(
            f"file:{path}", mode="r", format=container, options=options, metadata_errors="replace"
        )
    except (av.error.FFmpegError, ValueError) as error:
        raise unreadable(path, error) from None


def video_stream(container: Any, path: Path) -> Any:
    """The stream to look at: the best one that is not cover art.

    Raises:
        NoVideoStream: only sound, subtitles or a cover image.
        MediaUnreadable: there is picture, but no decoder for it.
    """
    pictures = [s for s in container.streams.video if not _is_cover(s)]
    if not pictures:
        raise NoVideoStream(
            f"{path.name} has no moving picture.", "Choose the clip's video file, or skip it."
        )
    best = container.streams.best("video")
    stream = best if best in pictures else pictures[0]
    if stream.codec_context is None:
        raise MediaUnreadable(
            f"{path.name} is stored in a format that cannot be decoded here.",
            "Make a proxy in a common format (H.264, ProRes, DNxHR) and relink the clip.",
        )
    return stream


def check_size(path: Path, width: int, height: int, still: bool) -> None:
    """Refuse pictures whose decoding would not fit into bounded memory.

    Raises:
        MediaTooLarge: more pixels than ``MAX_STILL_PIXELS`` or ``MAX_VIDEO_PIXELS``.
    """
    limit = MAX_STILL_PIXELS if still else MAX_VIDEO_PIXELS
    if width * height > limit:
        raise MediaTooLarge(
            f"{path.name} is {width}x{height}; the limit is {limit / 1e6:.0f} million pixels.",
            "Make a smaller proxy and relink the clip.",
        )


def unreadable(path: Path, error: Exception) -> MediaUnreadable:
    """The error for a file of which nothing can be decoded."""
    why = getattr(error, "strerror", None) or str(error)
    return MediaUnreadable(
        f"No picture can be read from {path.name}: {why}.",
        "If a player cannot show it either, the file is damaged or cut off: copy it again.",
    )


def is_still(container: Any) -> bool:
    """Whether the container is a single image rather than a movie."""
    name = str(container.format.name)
    return name == "image2" or (name.endswith("_pipe") and name != "yuv4mpegpipe")


def start_timecode(container: Any, stream: Any) -> str | None:
    """The start timecode as recorded (tmcd track, MXF, or stream tag), or None."""
    for holder in (stream, *container.streams, container):
        value = holder.metadata.get("timecode")
        if value:
            return str(value)
    return None


def still_size(head: bytes) -> tuple[int, int] | None:
    """Width and height from the first bytes of a PNG or JPEG file, None for anything else."""
    if head[:8] == b"\x89PNG\r\n\x1a\n" and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        return int(width), int(height)
    if head[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # start of frame
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return int(width), int(height)
        at += 2 + length
    return None


def _check_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # ValueError: a NUL byte in the name
        raise MediaMissing(
            f"{path} is not there.", "Relink the clip or name the folder with --media-dir."
        ) from None
    if stat.S_ISDIR(mode):
        raise MediaUnreadable(f"{path} is a folder, not a movie.", "Relink the clip to a file.")
    if not stat.S_ISREG(mode):  # opening a pipe or a device could wait for ever
        raise MediaUnreadable(f"{path} is not an ordinary file.", "Relink the clip to a file.")
    if path.stat().st_size == 0:
        raise MediaUnreadable(f"{path.name} is empty (0 bytes).", "Copy or export it again.")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1 << 16)


def _is_playlist(head: bytes) -> bool:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<"):
        return any(tag in text for tag in _PLAYLIST_TAGS)
    return text.startswith(_PLAYLIST_STARTS)


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)
