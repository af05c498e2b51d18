"""`vatt corpus build`: from package names to train.jsonl, test.jsonl and the list of credits.

First every package is collected (`collect`), several at a time; then, over all clips at once,
near-duplicates are dropped, the split is applied, captions are written. The second half is
quick and depends on nothing but the facts of the first, so it is simply done again when they
changed, and not at all when they did not.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vatt_engine.corpus import sources as origins
from vatt_engine.corpus.audio import SAMPLE_RATE, near_duplicates
from vatt_engine.corpus.captions import captions, facts_from_name
from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.collect import Origin, collect_package, facts_path, write_atomic
from vatt_engine.corpus.credits import write_credits
from vatt_engine.corpus.licences import parse_licence
from vatt_engine.corpus.sources import Source
from vatt_engine.corpus.split import split_of
from vatt_engine.corpus.summary import summarise
from vatt_engine.errors import VattError

log = logging.getLogger(__name__)

FORMAT_VERSION = 2
Row = dict[str, Any]
Report = Callable[[str, int, int], None]
"""(what is being done, done, total)."""


@dataclass(frozen=True)
class Plan:
    """What a build is to do.

    Attributes:
        out: the corpus folder.
        foley: the collected Foley folder, or None.
        packages: folder of ``.deb`` files.
        only: names of packages to take; empty for all.
        jobs: processes.
        keep_packages: leave the ``.deb`` files (4 GB) for a later build.
    """

    out: Path
    foley: Path | None = None
    packages: Path | None = None
    only: tuple[str, ...] = ()
    jobs: int = 2
    keep_packages: bool = False


def list_sources(plan: Plan) -> dict[str, tuple[list[Source], Origin]]:
    """Every package of a build with its files and where they come from, in a fixed order."""
    packages = plan.packages or plan.out / "packages"
    debian = Origin(packages=packages, keep_packages=plan.keep_packages)
    found = {name: (rows, debian) for name, rows in origins.debian_sources().items()}
    if plan.foley is not None:
        collected = Origin(folder=plan.foley)
        for name, rows in origins.foley_sources(plan.foley).items():
            found[name] = (rows, collected)
        esc10 = Origin(folder=plan.foley / "esc10")
        for name, rows in origins.esc10_sources(plan.foley / "esc10").items():
            found[name] = (rows, esc10)
    if plan.only:
        found = {name: value for name, value in found.items() if name in plan.only}
    return dict(sorted(found.items()))


def build(plan: Plan, report: Report = lambda *_: None) -> Row:
    """Build or complete a corpus.

    Returns:
        the summary that is also written to ``summary.json``; ``"changed"`` tells whether
        anything had to be done, ``"failed"`` names packages that could not be had.
    """
    started = time.monotonic()
    wanted = list_sources(plan)
    failed = _collect_all(plan, wanted, report)
    done = {name: value[0] for name, value in wanted.items() if name not in failed}
    state = _digest(facts_path(plan.out, name, rows).name for name, rows in done.items())
    summary_path = plan.out / "summary.json"
    if summary_path.is_file():
        before: Row = json.loads(summary_path.read_text(encoding="utf-8"))
        if before.get("state") == state and not failed and _complete(plan.out):
            return {**before, "changed": False, "failed": {}}
    report("merging", 0, 1)
    kept, dropped = merge(
        [_read_rows(facts_path(plan.out, name, rows)) for name, rows in done.items()]
    )
    for split in ("train", "test"):
        rows = [row for row in kept if row["split"] == split]
        write_atomic(plan.out / f"{split}.jsonl", _lines(rows))
    write_atomic(plan.out / "dropped.jsonl", _lines(dropped))
    write_credits(plan.out, kept)
    _remove_strays(plan.out, {row["file"] for row in kept})
    summary = {
        "format": FORMAT_VERSION,
        "state": state,
        "sample_rate": SAMPLE_RATE,
        **summarise(kept, dropped),
        "failed": failed,
    }
    write_atomic(summary_path, json.dumps(summary, indent=1) + "\n")
    report("merging", 1, 1)
    return {**summary, "changed": True, "build_s": round(time.monotonic() - started, 1)}


def _collect_all(
    plan: Plan, wanted: dict[str, tuple[list[Source], Origin]], report: Report
) -> dict[str, str]:
    """Collect every package; returns those that failed with the reason."""
    # Largest first: the last to finish should be a small one.
    todo = sorted(
        (n for n, (rows, _) in wanted.items() if not facts_path(plan.out, n, rows).is_file()),
        key=lambda name: (-len(wanted[name][0]), name),
    )
    failed: dict[str, str] = {}
    if not todo:
        return failed
    total, finished = sum(len(wanted[name][0]) for name in todo), 0
    with ProcessPoolExecutor(max_workers=max(1, plan.jobs)) as pool:
        running: dict[Future[Path], str] = {
            pool.submit(collect_package, plan.out, name, *wanted[name]): name for name in todo
        }
        for future in as_completed(running):
            name = running[future]
            try:
                future.result()
            except VattError as error:
                failed[name] = str(error)
                log.warning("%s", error)
            finished += len(wanted[name][0])
            report(name, finished, total)
    return failed


def merge(packages: Iterable[list[Row]]) -> tuple[list[Row], list[Row]]:
    """Near-duplicates out, split and captions in.

    Args:
        packages: rows of facts per package.

    Returns:
        (kept rows, dropped rows with a reason), both sorted by package and path.
    """
    rows = [row for package in packages for row in package]
    dropped = [_bare(row) for row in rows if "dropped" in row]
    clips = sorted((row for row in rows if "dropped" not in row), key=_preference)
    if clips:
        prints = np.stack(
            [np.frombuffer(base64.b64decode(c["fingerprint"]), np.float16) for c in clips]
        ).astype(np.float32)
        repeats = near_duplicates(prints, np.array([c["seconds"] for c in clips]))
    else:
        repeats = {}
    kept = []
    for index, clip in enumerate(clips):
        if index in repeats:
            dropped.append({**_bare(clip), "dropped": f"repeats {clips[repeats[index]]['file']}"})
        else:
            kept.append(_finished(clip))
    return sorted(kept, key=_place), sorted(dropped, key=_place)


def _preference(row: Row) -> tuple[int, bool, str, str]:
    """Of two recordings of the same sound: the freer licence, then the one with a category."""
    licence = parse_licence(row["licence"])
    order = ("public domain", "permissive", "attribution", "share alike")
    rank = order.index(licence.group) if licence else len(order)
    return rank, row["category"] == "", row["package"], row["path"]


def _place(row: Row) -> tuple[str, str]:
    return row["package"], row["path"]


def _bare(row: Row) -> Row:
    return {k: v for k, v in row.items() if k not in ("fingerprint", "onsets_s")}


def _finished(row: Row) -> Row:
    clip = _bare(row)
    clip["split"] = split_of(row["package"])
    clip["onsets_s"] = row["onsets_s"]
    category = CATEGORIES.get(row["category"])
    clip["family"] = category.family if category else ""
    clip["kind"] = category.kind if category else ""
    if category is None:
        clip["captions"] = []
        return clip
    facts = facts_from_name(category.name, Path(row["path"].rpartition("!/")[2]).stem)
    onsets = row["onsets_s"]
    if category.kind != "continuous" and len(onsets) < 12:
        facts = replace(facts, count=len(onsets))
    if category.kind == "rhythm" and len(onsets) > 2 and not facts.pace:
        period = float(np.median(np.diff(onsets)))
        facts = replace(facts, pace="fast" if period < 0.33 else "slow" if period > 0.8 else "")
    seed = int.from_bytes(hashlib.sha256(row["file"].encode()).digest()[:8], "big")
    clip["captions"] = captions(facts, np.random.default_rng(seed), 5)
    clip["caption"] = clip["captions"][-1]
    return clip


def _complete(out: Path) -> bool:
    return all((out / name).is_file() for name in ("train.jsonl", "test.jsonl", "ATTRIBUTION.csv"))


def _remove_strays(out: Path, files: set[str]) -> None:
    """Clips on disk that no list names: duplicates, and remains of an older manifest."""
    for path in sorted((out / "audio").rglob("*.flac")):
        if path.relative_to(out).as_posix() not in files:
            path.unlink()


def _read_rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _lines(rows: list[Row]) -> str:
    return "".join(json.dumps(row, sort_keys=True, ensure_ascii=False) + "\n" for row in rows)


def _digest(names: Iterable[str]) -> str:
    text = "\n".join([str(FORMAT_VERSION), *sorted(names)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
