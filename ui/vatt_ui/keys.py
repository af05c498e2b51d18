"""The key table: every action of the panel, its name, its keys, where they act.

One list feeds the menus, the shortcut sheet, the preferences and the tests. Keys are remapped by
storing a list of sequences under the action's id. *Single* keys (no modifier) can be switched off
as a whole (WCAG 2.1.4) and never act while text is typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QKeySequence

from vatt_ui.language import _


@dataclass(frozen=True)
class Key:
    """One action.

    Attributes:
        action: stable id; settings refer to it.
        title: for menus and the key sheet.
        keys: default sequences in Qt's portable text, first one shown.
        group: heading in the key sheet.
        menu: id of the menu it appears in (``window_layout.MENUS``); empty for none.
        repeats: whether holding the key repeats it.
        in_text: whether it also acts while text is typed (only ones with a modifier may).
    """

    action: str
    title: str
    keys: tuple[str, ...]
    group: str
    menu: str = ""
    repeats: bool = False
    in_text: bool = False
    icon: str = ""


def _k(
    action: str,
    title: str,
    keys: str,
    group: str,
    menu: str = "",
    icon: str = "",
    *,
    repeats: bool = False,
    in_text: bool = False,
) -> Key:
    return Key(
        action, title, tuple(keys.split()) if keys else (), group, menu, repeats, in_text, icon
    )


_PLAY, _CUE, _TAKE, _LANE = _("Play"), _("Cue"), _("Takes"), _("Hit lane")
_VIEW, _FILE, _EDIT, _QUEUE, _HELP = _("View"), _("File"), _("Edit"), _("Queue"), _("Help")

KEYS: tuple[Key, ...] = (
    _k("open", _("Open…"), "Ctrl+O", _FILE, "File", "folder", in_text=True),
    _k("save", _("Save project"), "Ctrl+S", _FILE, "File", in_text=True),
    _k("write", _("Write timeline…"), "Ctrl+E", _FILE, "File", "write", in_text=True),
    _k("cue_source", _("What gets sound…"), "", _FILE, "File"),
    _k("relink", _("Find missing media…"), "", _FILE, "File"),
    _k("watch", _("Follow the cut on disk"), "", _FILE, "File"),
    _k("preferences", _("Preferences…"), "Ctrl+,", _FILE, "Edit", "settings", in_text=True),
    _k("quit", _("Quit"), "Ctrl+Q", _FILE, "File", in_text=True),
    _k("undo", _("Undo"), "Ctrl+Z", _EDIT, "Edit", "undo", in_text=True),
    _k("redo", _("Redo"), "Ctrl+Shift+Z Ctrl+Y", _EDIT, "Edit", "redo", in_text=True),
    _k("play", _("Play or pause"), "Space", _PLAY, "View", "play"),
    _k("shuttle_back", _("Shuttle backwards"), "J", _PLAY, "", "back"),
    _k("shuttle_stop", _("Stop"), "K", _PLAY, "", "pause"),
    _k("shuttle_on", _("Shuttle forwards"), "L", _PLAY, "", "forward"),
    _k("frame_back", _("One video frame back"), "Left", _PLAY, repeats=True),
    _k("frame_on", _("One video frame on"), "Right", _PLAY, repeats=True),
    _k("second_back", _("One second back"), "Shift+Left", _PLAY, repeats=True),
    _k("second_on", _("One second on"), "Shift+Right", _PLAY, repeats=True),
    _k("cue_previous", _("Previous cue"), "Up", _CUE, "Cue", repeats=True),
    _k("cue_next", _("Next cue"), "Down", _CUE, "Cue", repeats=True),
    _k("cue_start", _("Go to the cue's start"), "Home", _PLAY),
    _k("cue_end", _("Go to the cue's end"), "End", _PLAY),
    _k("timeline_start", _("Go to the timeline's start"), "Ctrl+Home", _PLAY),
    _k("timeline_end", _("Go to the timeline's end"), "Ctrl+End", _PLAY),
    _k("span_in", _("Set in"), "I", _PLAY, "Cue", "in"),
    _k("span_out", _("Set out"), "O", _PLAY, "Cue", "out"),
    _k("span_clear", _("Clear in and out"), "Alt+X", _PLAY, "Cue"),
    _k("play_span", _("Play in..out"), "Shift+Space", _PLAY, "View"),
    _k("loop", _("Loop"), "Ctrl+L", _PLAY, "View", "loop"),
    _k("zoom_in", _("Zoom in"), "+ =", _VIEW, "View", "zoom_in", repeats=True),
    _k("zoom_out", _("Zoom out"), "-", _VIEW, "View", "zoom_out", repeats=True),
    _k("zoom_cue", _("Fit cue"), "Z", _VIEW, "View", "fit"),
    _k("zoom_all", _("Fit all"), "Shift+Z", _VIEW, "View"),
    _k("generate", _("New take of selected cues"), "R", _CUE, "Cue", "generate"),
    _k("regenerate_span", _("Regenerate in..out"), "Shift+R", _CUE, "Cue", "span"),
    _k("generate_now", _("Generate, from any field"), "Ctrl+Return Ctrl+Enter", _CUE, in_text=True),
    _k("variations", _("Three variations"), "Alt+R", _CUE, "Cue"),
    _k("cancel", _("Cancel current job"), "Ctrl+.", _QUEUE, "Queue", "cross", in_text=True),
    _k("cancel_all", _("Cancel all jobs"), "Ctrl+Shift+. Ctrl+>", _QUEUE, "Queue", in_text=True),
    _k("pause_queue", _("Pause queue"), "Ctrl+Shift+P", _QUEUE, "Queue", "pause", in_text=True),
    _k("queue", _("Show queue"), "Q", _QUEUE, "Queue", "queue"),
    *(_k(f"take_{n}", _("Choose take {n}").format(n=n), str(n), _TAKE) for n in range(1, 10)),
    _k("take_none", _("Choose no take"), "0", _TAKE, "Take"),
    _k("swap", _("Swap A and B"), "B", _TAKE, "Take", "swap"),
    _k("set_b", _("Set B to the current take"), "Shift+B", _TAKE, "Take"),
    _k("star", _("Star take"), "F", _TAKE, "Take", "star"),
    _k("delete", _("Trash take, or mute hit"), "Del", _TAKE, "Take", "trash"),
    _k("copy_take", _("Copy take as a file"), "Ctrl+Shift+C", _TAKE, "Take"),
    _k("empty_trash", _("Empty the trash…"), "", _TAKE, "Take"),
    _k("mute_foley", _("Mute Foley"), "M", _PLAY, "View", "mute"),
    _k("mute_original", _("Mute original sound"), "Shift+M", _PLAY, "View"),
    _k("hit_add", _("Add hit at the playhead"), "H", _LANE, "Cue", "hit"),
    _k("hit_earlier", _("Hit one video frame earlier"), "Alt+Left", _LANE, "Cue", repeats=True),
    _k("hit_later", _("Hit one video frame later"), "Alt+Right", _LANE, "Cue", repeats=True),
    _k("hit_stronger", _("Stronger hit"), "Alt+Shift+Up", _LANE, "Cue", repeats=True),
    _k("hit_weaker", _("Weaker hit"), "Alt+Shift+Down", _LANE, "Cue", repeats=True),
    _k("hit_remove", _("Delete hit"), "Shift+Del", _LANE, "Cue"),
    _k("hit_next", _("Select next hit"), "Alt+Down", _LANE, repeats=True),
    _k("hit_previous", _("Select previous hit"), "Alt+Up", _LANE, repeats=True),
    _k("spot", _("Find hits in the picture"), "Shift+H", _LANE, "Cue"),
    _k("prompt", _("Edit prompt"), "P", _CUE, "Cue", "edited"),
    _k("negative", _("Edit negative prompt"), "N", _CUE, "Cue"),
    _k("caption", _("Caption again"), "C", _CUE, "Cue", "caption"),
    _k("new_seed", _("New seed"), "D", _CUE, "Cue", "dice"),
    _k("lock_seed", _("Lock seed"), "Shift+D", _CUE, "Cue", "lock"),
    _k("lock_cue", _("Lock cue"), "Ctrl+Shift+L", _CUE, "Cue", in_text=True),
    _k("mute_cue", _("Leave cue out of the timeline"), "Alt+M", _CUE, "Cue", "mute"),
    _k(
        "pattern", _("One prompt for the selected cues…"), "Ctrl+Shift+R", _CUE, "Cue", in_text=True
    ),
    _k("pane_next", _("Next pane"), "F6", _VIEW, "View", in_text=True),
    _k("pane_previous", _("Previous pane"), "Shift+F6", _VIEW, "View", in_text=True),
    _k("filter", _("Filter cues"), "/ Ctrl+F", _CUE, "Cue", "search"),
    _k("key_sheet", _("Keys"), "F1", _HELP, "Help", "keys", in_text=True),
    _k("first_run", _("Check this machine…"), "", _HELP, "Help"),
    _k("sample", _("Open the sample"), "", _HELP, "Help"),
    _k("about", _("About"), "", _HELP, "Help"),
    _k("leave", _("Leave field"), "Esc", _VIEW, in_text=True),
)

BY_ACTION: dict[str, Key] = {key.action: key for key in KEYS}


def is_single(sequence: str) -> bool:
    """Whether a sequence is a lone key that types a character, Space included."""
    combination = QKeySequence(sequence)
    if combination.isEmpty():
        return False
    first = combination[0]
    lone = first.keyboardModifiers() & ~Qt.KeyboardModifier.ShiftModifier
    printable = 0x20 <= first.key().value < 0x1000000
    return lone == Qt.KeyboardModifier.NoModifier and printable


def sequences(
    key: Key, remapped: Mapping[str, Iterable[str]], *, single_keys: bool = True
) -> list[QKeySequence]:
    """The key sequences of an action now, after the user's changes."""
    chosen = remapped.get(key.action, key.keys)
    return [QKeySequence(s) for s in chosen if single_keys or not is_single(s)]


def shown_keys(key: Key, remapped: Mapping[str, Iterable[str]], *, single_keys: bool = True) -> str:
    """The first sequence as the platform writes it; empty when there is none."""
    found = sequences(key, remapped, single_keys=single_keys)
    return found[0].toString(QKeySequence.SequenceFormat.NativeText) if found else ""


def conflicts(remapped: Mapping[str, Iterable[str]]) -> list[tuple[str, str, str]]:
    """Pairs of actions that share a sequence: (sequence, one, other)."""
    seen: dict[str, str] = {}
    found = []
    for key in KEYS:
        for sequence in sequences(key, remapped):
            text = sequence.toString()
            if text in seen and seen[text] != key.action:
                found.append((text, seen[text], key.action))
            seen.setdefault(text, key.action)
    return found
