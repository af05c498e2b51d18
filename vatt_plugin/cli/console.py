"""What subcommands share: printing, progress, Ctrl+C, and asking the engine one thing."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal, TextIO

from vatt_engine.errors import Cancelled, VattError
from vatt_engine.messages import Event, Request
from vatt_plugin.cli.progress import ProgressLines
from vatt_plugin.errors import UsageError

if TYPE_CHECKING:
    from vatt_plugin.timeline import Timeline


def print_error(error: VattError, *, json_events: bool) -> None:
    """What and why on one line of stderr, what to do on the next; an event too if wanted."""
    print(f"vatt: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"      {error.hint}", file=sys.stderr)
    if json_events:
        print_json({"event": "error", **error.to_dict()})


def print_json(body: Mapping[str, Any]) -> None:
    """One JSON object on one line of stdout, at once."""
    print(json.dumps(body, ensure_ascii=False, allow_nan=False), flush=True)


def plain(text: str, limit: int = 200) -> str:
    """Text from a file as one harmless line: no control codes, no endless names."""
    cleaned = "".join(c if c.isprintable() else " " for c in text[: limit + 1])
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + "…"


@dataclass
class Console:
    """Prints for people, or events for programs.

    Attributes:
        json_events: print events on stdout instead of text.
    """

    json_events: bool = False
    _bar_shown: bool = False

    def say(self, text: str) -> None:
        """A line for people."""
        if not self.json_events:
            self._print(text, sys.stdout)

    def note(self, text: str, **facts: Any) -> None:
        """Something the user should know, on stderr; a ``note`` event for programs."""
        self._print(f"vatt: {text}", sys.stderr)
        if self.json_events:
            print_json({"event": "note", "message": text, **facts})

    def event(self, name: str, **facts: Any) -> None:
        """An event for programs."""
        if self.json_events:
            print_json({"event": name, **facts})

    def bar(self, total: int, unit: str, *, log: Literal["", "each", "slow"] = "") -> Any:
        """A progress bar on a terminal, else something with the same methods.

        Args:
            total: how many there are.
            unit: what is counted.
            log: without a terminal a line for each of them ("each") or now and then ("slow"); never
                with ``--json``, whose events tell more.
        """
        from tqdm import tqdm

        self._bar_shown = sys.stderr.isatty() and not self.json_events
        if log and not self._bar_shown and not self.json_events:
            return ProgressLines(total, unit, each=log == "each")
        return tqdm(
            total=total, unit=unit, disable=not self._bar_shown, dynamic_ncols=True, leave=False
        )

    def _print(self, text: str, stream: TextIO) -> None:
        """Print a line above the bar, if one is shown."""
        if self._bar_shown:
            from tqdm import tqdm

            tqdm.write(text, file=stream)
        else:
            print(text, file=stream, flush=True)


class Interrupt:
    """Ctrl+C and SIGTERM as a flag, so that work ends between steps; a second one ends it hard."""

    def __init__(self) -> None:
        self._set = False
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        """Whether the user wants to stop."""
        return self._set

    def __enter__(self) -> Interrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._set:
            raise KeyboardInterrupt
        self._set = True


@contextlib.contextmanager
def engine(*, warm: bool = True, environment: Mapping[str, str] | None = None) -> Iterator[Any]:
    """An ``EngineProcess`` that is stopped in the end; its log is kept for the user."""
    from vatt_plugin.client import EngineClient
    from vatt_plugin.transport import EngineProcess, default_log_path

    client = EngineClient(name="vatt", warm=warm)
    log_path = default_log_path()
    with EngineProcess(client, log_path=log_path, environment=environment) as process:
        try:
            yield process
        except VattError as error:
            if is_of_engine(error):
                error.hint = f"{error.hint} {where_is_the_log()}".strip()
            raise


def is_of_engine(error: VattError | None) -> bool:
    """Whether the engine itself failed, so that its log is worth a look."""
    return error is not None and error.code in ("engine_error", "engine_lost", "engine_unavailable")


def where_is_the_log() -> str:
    """A sentence that says it."""
    from vatt_plugin.transport import default_log_path

    return f"The engine's log is {default_log_path()}."


def ask(
    process: Any,
    request: Request,
    on_event: Callable[[Event], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Run one job to its end and return its result.

    Raises:
        VattError: what the engine said, or ``Cancelled``.
    """
    client = process.client
    job_id = client.submit(request)
    while not client.job(job_id).ended:
        if stop():
            client.cancel(job_id)
        for event in process.pump():
            on_event(event)
    job = client.job(job_id)
    client.forget(job_id)
    if job.error is not None:
        raise job.error
    if job.status == "cancelled":
        raise Cancelled("Cancelled.")
    return dict(job.result)


def choose_model(process: Any, wanted: str | None) -> dict[str, Any]:
    """Facts of the model to use: the one asked for, else the best that is installed.

    Trained models come before untrained ones, the bundled ``vatt-mini`` before all.

    Raises:
        UnknownModel: the one asked for is not installed.
    """
    from vatt_engine.messages import ListModels, ModelInfo

    if wanted:
        return ask(process, ModelInfo(model=wanted))
    listed: list[dict[str, Any]] = ask(process, ListModels())["models"]
    models = [model for model in listed if "error" not in model]
    return max(models, key=lambda m: (m["name"] == "vatt-mini", bool(m.get("trained"))))


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """``--model`` and ``--device``."""
    parser.add_argument("--model", metavar="M", help="name or folder of an installed model")
    parser.add_argument(
        "--device", default="auto", metavar="D", help="auto, cpu, cuda[:N] or mps (default: auto)"
    )
    parser.add_argument(
        "--offload",
        action="store_true",
        help="keep the language model in main memory: needs less of the device's, takes longer",
    )


def device_of(args: argparse.Namespace) -> str:
    """The device as the engine takes it, from ``--device`` and ``--offload``.

    Raises:
        UsageError: there is no such kind of device.
    """
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", args.device):
        raise UsageError(
            f"--device is auto, cpu, cuda, cuda:N or mps; got {plain(args.device)!r}.",
            "`vatt doctor` lists what this machine has.",
        )
    return f"{args.device}+offload" if args.offload else str(args.device)


def media_roots(args: argparse.Namespace) -> list[Path]:
    """The folders of ``--media-dir``.

    Raises:
        UsageError: one is not there; its media would be called missing, and nothing say why.
    """
    roots = [Path(folder) for folder in args.media_dir]
    gone = next((root for root in roots if not root.is_dir()), None)
    if gone is not None:
        raise UsageError(f"There is no folder {gone}, named by --media-dir.", "Check the path.")
    return roots


def add_timeline_options(parser: argparse.ArgumentParser) -> None:
    """What says which clips of which timeline are meant."""
    parser.add_argument(
        "input", metavar="INPUT", help="timeline (.otio, .otioz, ...) or video file"
    )
    parser.add_argument("--clips", metavar="NAME,...", help="only these clips")
    parser.add_argument(
        "--track",
        "--tracks",
        metavar="NAME",
        action="append",
        help="only this picture track, as if the others were not there; repeatable",
    )
    parser.add_argument(
        "--media-dir",
        "--media-root",
        metavar="DIR",
        action="append",
        default=[],
        help="look here, by file name, for media that is not where the timeline says; repeatable",
    )
    parser.add_argument(
        "--timeline", metavar="NAME", help="which timeline, if the file has several"
    )
    parser.add_argument("--rate", type=float, metavar="FPS", help="frame rate, for EDL")
    parser.add_argument(
        "--between",
        nargs=2,
        metavar=("IN", "OUT"),
        help="only what lies between these record timecodes (or seconds)",
    )
    parser.add_argument(
        "--cues",
        default="clips",
        metavar="clips|markers|FILE.csv",
        help="what gets sound: each clip, each marker, or each line of a spotting list",
    )
    parser.add_argument(
        "--split-cuts", action="store_true", help="split clips where their media cuts"
    )


def load_timeline(args: argparse.Namespace, unpack_to: Path | None = None) -> Timeline:
    """Read the timeline that ``add_timeline_options`` describe."""
    from vatt_plugin import timeline

    return timeline.load(
        Path(args.input),
        timeline=args.timeline,
        rate=args.rate,
        media_roots=media_roots(args),
        media_dir=unpack_to,
        clips=[name.strip() for name in args.clips.split(",")] if args.clips else None,
        track=args.track,
        between=tuple(args.between) if args.between else None,
        cues=args.cues,
        split_cuts=args.split_cuts,
    )


def add_remaking_options(parser: argparse.ArgumentParser) -> None:
    """Which timeline of ours, what its takes were made for, and on what to make them again."""
    parser.add_argument("input", metavar="TIMELINE", help="a timeline that vatt wrote")
    parser.add_argument("--timeline", metavar="NAME", help="which, if the file has several")
    parser.add_argument(
        "--media-dir",
        metavar="DIR",
        action="append",
        default=[],
        help="look here, by file name, for media that is not where it says; repeatable",
    )
    parser.add_argument(
        "--cues",
        default="clips",
        metavar="clips|markers|FILE.csv",
        help="what got sound, as it was told to generate",
    )
    parser.add_argument("--split-cuts", action="store_true", help="as it was told to generate")
    parser.add_argument(
        "--track", metavar="NAME", action="append", help="as it was told to generate; repeatable"
    )
    parser.add_argument(
        "--device", default="", metavar="D", help="another device than the recipe's: cpu, cuda[:N]"
    )
    parser.add_argument(
        "--offload", action="store_true", help="keep the language model in main memory"
    )


def load_made(args: argparse.Namespace, path: Path) -> Timeline:
    """Read the timeline that ``add_remaking_options`` describe, from ``path`` (unpacked)."""
    from vatt_plugin import timeline

    return timeline.load(
        path,
        timeline=args.timeline,
        media_roots=media_roots(args),
        track=args.track,
        cues=args.cues,
        split_cuts=args.split_cuts,
    )
