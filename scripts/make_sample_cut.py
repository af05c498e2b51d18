"""Make the sample cut of ``vatt_plugin/sample_cut`` from the freely licensed source films.

Run once by a developer; the result is committed. SOURCE_DIR holds bigbuckbunny.mp4, cityCC0.mpg
and movie-hello.mp4: ``python scripts/make_sample_cut.py SOURCE_DIR``.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av
import opentimelineio as otio

OUT = Path(__file__).resolve().parent.parent / "vatt_plugin" / "sample_cut"
RATE = 25.0
# source, new name, (width, height), first video frame of the clip on the 25 fps timeline, frames
SHOTS = [
    ("bigbuckbunny.mp4", "bunny_meadow.mp4", (640, 360), 10, 80),
    ("cityCC0.mpg", "city_night.mp4", (640, 360), 25, 75),
    ("movie-hello.mp4", "typing_hello.mp4", (640, 360), 75, 100),
]


def transcode(source: Path, target: Path, size: tuple[int, int]) -> None:
    """Re-encode picture (H.264) and, where there is any, sound (AAC stereo) at a small size."""
    with av.open(str(source)) as src, av.open(str(target), "w") as dst:
        video_in = src.streams.video[0]
        rate = Fraction(video_in.average_rate).limit_denominator(100_000)
        video_out = dst.add_stream("libx264", rate=rate, options={"crf": "27", "preset": "slow"})
        video_out.width, video_out.height = size
        video_out.pix_fmt = "yuv420p"
        audio_in = src.streams.audio[0] if src.streams.audio else None
        audio_out = dst.add_stream("aac", rate=48_000, layout="stereo") if audio_in else None
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=48_000)
        for index, frame in enumerate(src.decode(video_in)):
            small = frame.reformat(*size, format="yuv420p")
            small.pts, small.time_base = index, 1 / rate
            small.pict_type = av.video.frame.PictureType.NONE
            dst.mux(video_out.encode(small))
        dst.mux(video_out.encode(None))
        if audio_in and audio_out:
            src.seek(0)
            for sound in src.decode(audio_in):
                sound.pts = None
                for part in resampler.resample(sound):
                    dst.mux(audio_out.encode(part))
            dst.mux(audio_out.encode(None))


def media_range(path: Path) -> tuple[float, int]:
    """Frames a second, and how many video frames there are."""
    with av.open(str(path)) as src:
        stream = src.streams.video[0]
        return float(stream.average_rate), sum(1 for _ in src.decode(stream))


def main(source_dir: Path) -> None:
    """Write the three films and ``demo.otio``."""
    rt = otio.opentime.RationalTime
    time_range = otio.opentime.TimeRange
    timeline = otio.schema.Timeline("demo", global_start_time=rt(3600 * RATE, RATE))
    picture = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    sound = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
    before = 0
    for source, name, size, start, frames in SHOTS:
        target = OUT / "media" / name
        transcode(source_dir / source, target, size)
        rate, n = media_range(target)
        available = time_range(rt(0, RATE), rt(int(n / rate * RATE), RATE))
        source_range = time_range(rt(start, RATE), rt(frames, RATE))

        def clip(
            name: str = name,
            available: otio.opentime.TimeRange = available,
            source_range: otio.opentime.TimeRange = source_range,
        ) -> otio.schema.Clip:
            reference = otio.schema.ExternalReference(f"media/{name}", available)
            reference.name = name
            return otio.schema.Clip(Path(name).stem, reference, source_range)

        picture.append(clip())
        if name == "typing_hello.mp4":
            sound.append(otio.schema.Gap(duration=rt(before, RATE)))
            sound.append(clip())
        before += frames
    timeline.tracks.extend([picture, sound])
    otio.adapters.write_to_file(timeline, str(OUT / "demo.otio"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
