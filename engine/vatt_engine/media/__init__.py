"""Picture in, sound out: safe opening, exact-time decoding, resampling and float WAV files.

``probe`` opens and describes media files, ``sources`` finds the video frame shown at a media
time, ``picture`` turns what the audience sees into evenly timed images, ``audio`` reads, resamples
and writes sound.
"""
