"""What the drawn parts of the panel show, in words for screen readers.

PyQt6 wraps none of Qt's accessibility classes, so a drawn widget can have no values and no children
of its own. It has a name and a description, and these say what is drawn. A screen reader says a
changed name of what has the focus, so the name holds what keys change.
"""

from __future__ import annotations

from fractions import Fraction

from vatt_plugin.cues import Cue
from vatt_plugin.project_state import Hit
from vatt_ui.language import _, ngettext
from vatt_ui.shown_lane import ShownLane
from vatt_ui.text import plain, timecode

MAX_HITS = 20  # a list that is read aloud has to end


def playhead(position_s: float, fps: Fraction, origin_s: Fraction, *, drop: bool | None) -> str:
    """The timecode of a place on the timeline, to the video frame."""
    number = int(position_s * fps + Fraction(1, 1000))
    return timecode(origin_s + number / fps, fps, drop_frame=drop)


def place(at: str, cue: Cue | None, shown: ShownLane, grabbed: int = -1) -> str:
    """Where one is on the timeline: timecode, cue, in..out, and the hit that keys act on."""
    said = [_("Timeline"), at]
    if cue is not None:
        said.append(plain(cue.clip, 80))
        if shown.state.span is not None:
            start, end = (f"{t:.2f}" for t in shown.state.span)
            said.append(_("in {start} s, out {end} s").format(start=start, end=end))
        hits = shown.hits
        if 0 <= grabbed < len(hits):
            told = (
                _("made up hit {i} of {n}: {hit}") if shown.made_up else _("hit {i} of {n}: {hit}")
            )
            said.append(told.format(i=grabbed + 1, n=len(hits), hit=hit_in_words(hits[grabbed])))
        elif shown.state.hits is not None:
            said.append(_count(shown))
    return ", ".join(said)


def lane(shown: ShownLane) -> str:
    """All hits of a cue, when and how strong."""
    if shown.state.hits is None:
        return _("not spotted yet")
    said, hits = _count(shown), shown.hits
    told = "; ".join(hit_in_words(hit) for hit in hits[:MAX_HITS])
    more = "; …" if len(hits) > MAX_HITS else ""
    return f"{said}: {told}{more}" if told else said


def cell(heading: str, text: str) -> str:
    """A cell of a table, heard without its column in sight."""
    return f"{heading}: {text if any(c.isalnum() for c in text) else _('none')}"


def hit_in_words(hit: Hit) -> str:
    """When a hit is, how strong, and whether it is muted."""
    said = _("{time} s, strength {percent} %").format(
        time=f"{hit.time_s:.2f}", percent=f"{hit.strength * 100:.0f}"
    )
    return _("{hit}, muted").format(hit=said) if hit.muted else said


def _count(shown: ShownLane) -> str:
    n = len(shown.hits)
    if shown.made_up:
        many = ngettext(
            "{n} hit made up from the words, not seen",
            "{n} hits made up from the words, not seen",
            n,
        )
        return many.format(n=n)
    return ngettext("{n} hit", "{n} hits", n).format(n=n)
