"""How a batch is shown: events for programs; lines, notes and a bar for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from vatt_engine.messages import CaptionReady, Event, Progress, State, TakeReady
from vatt_plugin import ranking
from vatt_plugin.batch import CueResult, Order
from vatt_plugin.cli.console import Console, plain
from vatt_plugin.cli.media_notes import MediaNotes
from vatt_plugin.cli.progress import ProgressLines
from vatt_plugin.cues import Cue, Take
from vatt_plugin.timeline import Timeline
from vatt_plugin.timeline.rates import nearest_frame, to_timecode

WHERE_MEDIA_IS = "--media-dir FOLDER tells where missing media lies now."


def names(timeline: Timeline) -> Mapping[str, str]:
    """What people are told each cue is called, by its id.

    A clip's name; with the record timecode of its first frame where several cues have that name,
    as the shots of one clip have after ``--split-cuts``.
    """
    counts = Counter(cue.clip for cue in timeline.cues)

    def name(cue: Cue) -> str:
        if counts[cue.clip] == 1:
            return plain(cue.clip)
        first = to_timecode(nearest_frame(cue.record_frame), cue.fps, timeline.drop)
        return f"{plain(cue.clip)} ({first})"

    return {cue.cue_id: name(cue) for cue in timeline.cues}


class Teller:
    """Turns what the batch reports into events, a progress bar and lines."""

    def __init__(
        self, console: Console, bar: Any, called: Mapping[str, str], media: MediaNotes
    ) -> None:
        """Nothing is told yet; ``called`` has the cues' ``names``."""
        self._console = console
        self._bar = bar
        self._called = called
        self._media = media

    def __call__(self, order: Order | None, news: Event | CueResult) -> None:
        """Tell one piece of news; see ``batch.Notify``."""
        if order is None:
            self._tell_engine(news)
        elif isinstance(news, CueResult):
            self._tell_result(news)
        else:
            self._tell_event(order.cue, news)

    def _tell_engine(self, news: Event | CueResult) -> None:
        if isinstance(news, State):
            self._console.event("engine", state=news.state, detail=news.detail, hint=news.hint)
            if news.state in ("restarting", "lost"):
                self._console.note(news.detail)

    def _tell_event(self, cue: Cue, news: Event) -> None:
        about = {"cue": cue.cue_id, "clip": cue.clip}
        self._media.heed_making(news, cue, self._called[cue.cue_id])
        match news:
            case Progress():
                self._bar.set_postfix_str(f"{plain(cue.clip, 30)}: {news.stage}", refresh=False)
                self._bar.refresh()
                self._console.event(
                    "progress", **about, stage=news.stage, done=news.done, total=news.total
                )
            case CaptionReady():
                self._console.event("caption", **about, caption=news.caption, score=news.score)
            case TakeReady():
                self._console.event(
                    "take", **about, index=news.index, seed=news.seed, heard=news.heard
                )

    def _tell_result(self, result: CueResult) -> None:
        name = self._called[result.cue.cue_id]
        self._bar.set_postfix_str(f"{plain(result.cue.clip, 30)}: {result.status}", refresh=False)
        self._media.heed_take(result.cue, result.chosen, name)
        self._advance(result)
        self._console.event("clip", **result_facts(result, self._media))
        if result.status == "done" and result.chosen is not None:
            self._console.say(f"{name}: {in_words(result)}")
        elif result.error is not None:
            self._console.note(f"{name} failed. {result.error}")
        elif result.status != "cancelled":
            self._console.note(f"{name} is left out ({result.status}). {plain(result.note)}")

    def _advance(self, result: CueResult) -> None:
        """One clip further; a log needs no line for one that was not worked on."""
        worked = result.status in ("done", "failed") and not result.kept
        if worked or not isinstance(self._bar, ProgressLines):
            self._bar.update()
        else:
            self._bar.pass_over()


def in_words(result: CueResult) -> str:
    """A result that is done, for people: words, loudness, and what to mind about its best take."""
    take = result.chosen
    assert take is not None
    loud = "silent" if take.lufs is None else f"{take.lufs:.1f} LUFS"
    if take.lufs is None and take.peak_dbtp is not None:  # under 0.4 s there is no loudness
        loud = f"peak {take.peak_dbtp:.1f} dBTP"
    kept = ", kept from an earlier run" if result.kept else ""
    words = plain(result.prompt or result.caption)
    added = f" (heard as: ..., {plain(take.added_words)})" if take.added_words else ""
    remarks = "".join(f"; {remark}" for remark in ranking.remarks(take))
    return f"{words!r}{added}, {loud}{kept}{remarks}"


def result_facts(result: CueResult, media: MediaNotes) -> dict[str, Any]:
    """A result as the ``clip`` and ``finished`` events show it; ``media`` knows what was told."""
    order = sorted(result.takes, key=ranking.rank)
    facts: dict[str, Any] = {
        "cue": result.cue.cue_id,
        "clip": result.cue.clip,
        "status": result.status,
        "prompt": result.prompt,
        "caption": result.caption,
        "kept": result.kept,
        "media_notes": media.of(result.cue.cue_id),
        "takes": [
            {**_take_facts(take, take is result.chosen), "rank": 1 + order.index(take)}
            for take in result.takes
        ],
    }
    if result.error is not None:
        facts["error"] = result.error.to_dict()
    if result.note:
        facts["note"] = result.note
    return facts


def _take_facts(take: Take, chosen: bool) -> dict[str, Any]:
    return {
        "wav": take.wav_path,
        "take": take.take_id,
        "seed": take.recipe.seed,
        "heard": take.heard,
        "chosen": chosen,
        "sync": take.sync,
        "lag_s": take.lag_s,
        "lufs": take.lufs,
        "peak_dbtp": take.peak_dbtp,
        "gain_db": take.gain_db,
        "figures": dict(take.figures),
    }


def in_all(cues: Sequence[Cue]) -> str:
    """How many cues there are in which state, and what helps where media is missing."""
    counts = Counter(cue.status for cue in cues)
    said = ", ".join(f"{n} {status}" for status, n in counts.most_common())
    line = f"{len(cues)} {'cue' if len(cues) == 1 else 'cues'}{': ' if said else ''}{said}"
    return f"{line}. {WHERE_MEDIA_IS}" if counts["offline"] else line


def tell_report(timeline: Timeline, console: Console) -> None:
    """Everything that was repaired, guessed or left out while reading the cut."""
    for note in timeline.report:
        where = f"{plain(note.where)}: " if note.where else ""
        console.note(f"{where}{plain(note.message, 1000)}", code=note.code, clip=note.where)
