"""What can be wrong with a timeline, by name; every message says what, why and what to do."""

from __future__ import annotations

from vatt_engine.errors import VattError


class TimelineError(VattError):
    """Base of everything that stops us from reading or writing a timeline."""

    code = "timeline_error"


class TimelineNotFound(TimelineError):
    """There is no file or folder at the given path."""

    code = "timeline_not_found"


class TimelineUnreadable(TimelineError):
    """The file is not a timeline, or is damaged."""

    code = "timeline_unreadable"


class TimelineTooDeep(TimelineError):
    """The file nests deeper than any editor writes; the native reader would crash on it."""

    code = "timeline_too_deep"


class TimelineTooLarge(TimelineError):
    """The file is larger than the limit that keeps memory bounded."""

    code = "timeline_too_large"


class UnknownFormat(TimelineError):
    """No installed OTIO adapter reads or writes this kind of file."""

    code = "unknown_format"


class RateNeeded(TimelineError):
    """The format does not say its frame rate (EDL), so the user must."""

    code = "rate_needed"


class TimelineChoiceNeeded(TimelineError):
    """The file holds several timelines and none was chosen, or the chosen one is not there."""

    code = "timeline_choice_needed"


class NoPicture(TimelineError):
    """The timeline has no video track with a clip on it."""

    code = "no_picture"


class UnknownClip(TimelineError):
    """``--clips``, ``--track`` or a range names something the timeline does not have."""

    code = "unknown_clip"


class BadCueList(TimelineError):
    """A spotting list (CSV) cannot be understood."""

    code = "bad_cue_list"


class BadBundle(TimelineError):
    """An ``.otioz`` or ``.otiod`` is damaged, or holds member names that point outside it."""

    code = "bad_bundle"


class TimelineOutputExists(TimelineError):
    """The output is already there and ``--force`` was not given, or it is the input itself."""

    code = "timeline_output_exists"


class TimelineNotWritten(TimelineError):
    """The new timeline could not be written, or did not read back as it should."""

    code = "timeline_not_written"
