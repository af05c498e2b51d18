"""What is said of a wrong command line: what is wrong, what may be meant, where to look.

argparse would print the whole usage first: for ``generate`` fifteen lines before the point.
"""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

_CHOICE = re.compile(r"argument (?P<what>.+?): invalid choice: '(?P<got>.*)' \(choose from (.*)\)")
_KIND = re.compile(r"argument (?P<what>.+?): invalid (?P<kind>int|float) value: '(?P<got>.*)'")
_KINDS = {"int": "a whole number", "float": "a number"}


class Parser(argparse.ArgumentParser):
    """A parser that says in two lines what is wrong, and guesses at slips of the hand."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As usual, but an option that nobody knows is told by the command it was given to."""
        found, left = super().parse_known_args(args, namespace)
        unknown = next((word for word in left if word.startswith("-") and word != "-"), None)
        if unknown is not None:
            name = unknown.split("=")[0]
            guess = nearest(name, self._option_string_actions)
            self.error(f"There is no option {name}{guess}.")
        return found, left

    def error(self, message: str) -> NoReturn:
        """Two lines on stderr, and exit status 2."""
        self.exit(
            2, f"vatt: {in_words(message)}\n      `{self.prog} --help` tells what there is.\n"
        )


def in_words(message: str) -> str:
    """What argparse says, as a sentence about what the user typed."""
    if match := _CHOICE.fullmatch(message):
        choices = re.findall(r"'([^']*)'", match[3]) or match[3].split(", ")
        what = "command" if match["what"] == "COMMAND" else match["what"]
        guess = nearest(match["got"], choices)
        known = "" if guess else f"; it is one of {', '.join(choices)}"
        return f"{match['got']!r} is no {what}{guess}{known}."
    if match := _KIND.fullmatch(message):
        return f"{match['what']} needs {_KINDS[match['kind']]}, got {match['got']!r}."
    said = message[:1].upper() + message[1:]
    return said if said.endswith(".") else f"{said}."


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean X``, or nothing where nothing is near."""
    names: Sequence[str] = [name for name in known if name not in ("-h", "--help")]
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}" if close else ""
