"""The page for editors: every command on it is one that the program has."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from vatt_plugin.cli.main import get_parser

PAGE = (Path(__file__).parents[3] / "docs/hosts.md").read_text()
COMMANDS = sorted(set(re.findall(r"`(vatt \w+ [^`]+)`", PAGE)))


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_is_understood(line: str) -> None:
    words = shlex.split(line)[1:]
    args = get_parser(words[0]).parse_args(words)
    assert args.command == words[0]


def test_every_host_has_five_lines() -> None:
    for section in PAGE.split("\n## ")[1:]:
        name, _, body = section.partition("\n")
        numbers = re.findall(r"^(\d)\. ", body, re.MULTILINE)
        assert numbers == ["1", "2", "3", "4", "5"], name
