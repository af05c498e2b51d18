"""Named errors of the plugin: what happened, why, and what to do. See ``vatt_engine.errors``."""

from __future__ import annotations

from vatt_engine.errors import VattError


class PluginError(VattError):
    """Something failed on this side of the wire."""

    code = "plugin_error"


class BrokenInstall(PluginError):
    """A file that belongs to the product is missing or damaged."""

    code = "broken_install"


class UsageError(PluginError):
    """The command line asks for something that makes no sense; exit status 2."""

    code = "usage"


class TakeRejected(PluginError):
    """What the engine handed over is not what was asked for; nothing of it is kept."""

    code = "take_rejected"


class OutputExists(PluginError):
    """Writing would replace a file that is already there."""

    code = "output_exists"


class BadPromptFile(PluginError):
    """A CSV of prompts or a JSON of sync lanes cannot be used."""

    code = "bad_prompt_file"


class CannotRemake(PluginError):
    """A take cannot be made again: its recipe or its picture is not there."""

    code = "cannot_remake"


class NoSuchHit(PluginError):
    """No hit of the sync lane lies near the time that was named."""

    code = "no_such_hit"


class BadSpan(PluginError):
    """A span to be made anew, or a hit, does not lie within the take."""

    code = "bad_span"
