"""Named errors cross the process border as what they are."""

from __future__ import annotations

import pytest

from vatt_engine.errors import EngineError, OutOfMemory, VattError, describe_exit, error_from_dict


def _all(cls: type[VattError]) -> list[type[VattError]]:
    return [cls, *(sub for direct in cls.__subclasses__() for sub in _all(direct))]


def test_codes_are_unique() -> None:
    import vatt_plugin.errors
    import vatt_plugin.timeline.errors  # noqa: F401

    codes = [cls.code for cls in _all(VattError)]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("cls", _all(VattError))
def test_every_error_round_trips(cls: type[VattError]) -> None:
    again = error_from_dict(dict(cls("what", "do").to_dict()))
    assert type(again) is cls
    assert (again.message, again.hint, str(again)) == ("what", "do", "what do")


def test_an_error_of_a_newer_engine_still_speaks() -> None:
    again = error_from_dict({"code": "from_the_future", "message": "It broke."})
    assert type(again) is EngineError
    assert str(again) == "It broke."


def test_every_error_says_what_it_is() -> None:
    assert all(cls.__doc__ for cls in _all(VattError))
    assert issubclass(OutOfMemory, EngineError)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (None, "closed its connection"),
        (0, "exit status 0"),
        (-9, "memory runs out"),
        (-11, "SIGSEGV"),
        (-200, "signal 200"),
        (70, "device failed"),
    ],
)
def test_how_a_process_ended_is_told_in_words(status: int | None, words: str) -> None:
    assert words in describe_exit(status)
