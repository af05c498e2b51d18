"""From codes to a finished take: written, measured, listened to, and made anew if it is faulty."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch

from vatt_engine.code_file import Codes, write_code_file
from vatt_engine.messages import SyncLane, TakeReady
from vatt_engine.model_folder import Model
from vatt_engine.seeing import Report, Seen
from vatt_engine.self_check import SelfCheck, Verdict, Wish, attempt_seed
from vatt_engine.take_figures import measure_take
from vatt_engine.take_job import TakeJob
from vatt_engine.version import engine_version

OnStep = Callable[[int, int], None]


class TakeWriter:
    """Finishes the takes of one request in its scratch folder."""

    def __init__(
        self,
        job: TakeJob,
        model: Model,
        seen: Seen,
        lane: SyncLane,
        wish: Wish,
        self_check: SelfCheck,
        report: Report,
        made_up_from: str | None = None,
    ) -> None:
        """Nothing is written yet.

        Args:
            job: the checked request.
            model: whose name and hash go into the takes.
            seen: the picture.
            lane: the moments a take should fit.
            wish: what it should sound like.
            self_check: listens to it.
            report: told of stages ``codec``, ``writing`` and ``redoing``; may raise to stop.
            made_up_from: the words its moments are made up from; None where they are not.
        """
        self._job, self._model, self._seen, self._lane = job, model, seen, lane
        self._wish, self._self_check, self._report = wish, self_check, report
        self._made_up_from = made_up_from

    def finish(
        self,
        index: int,
        drafts: Sequence[Codes],
        again: Callable[[int, OnStep], Codes],
        redos: int,
    ) -> TakeReady:
        """Write a take's drafts; if the best is faulty, make it anew; keep the best files alone.

        Every attempt has its own seed, which follows from the take's (``attempt_seed``), so that
        the same request gives the same take again.

        Args:
            index: of the take within the request.
            drafts: codes [K, T] of the first attempts, one at least.
            again: makes codes from a seed, telling its steps.
            redos: how many further attempts at most.
        """
        best, verdict = self._write(index, drafts[0], 0, self._report)
        n_redone = 0
        with ExitStack() as untold:
            untold.callback(lambda: _discard(best))

            def keep_better(anew: TakeReady, judged: Verdict) -> None:
                nonlocal best, verdict
                if judged.rank < verdict.rank:
                    best, verdict, anew = anew, judged, best
                _discard(anew)

            def told(*_: object) -> None:
                # The first draft has told these stages; they must not run backwards.
                self._report("writing", index + 1, self._job.request.takes)

            for attempt, codes in enumerate(drafts[1:], start=1):
                keep_better(*self._write(index, codes, attempt, told))
            while verdict.faults and n_redone < redos:
                n_redone += 1
                keep_better(*self._redo(index, len(drafts), n_redone, redos, again))
            untold.pop_all()
        figures = {"redone": float(n_redone), "drafts": float(len(drafts))}
        return replace(best, figures={**best.figures, **figures})

    def _redo(
        self,
        index: int,
        n_drafts: int,
        number: int,
        redos: int,
        again: Callable[[int, OnStep], Codes],
    ) -> tuple[TakeReady, Verdict]:
        """The redo of a ``number``, from 1 on."""
        steps = 1

        def on_step(done: int, total: int) -> None:
            nonlocal steps
            steps = total
            self._report("redoing", (number - 1) * total + done, redos * total)

        def on_other(*_: object) -> None:
            # The first attempt has told these stages; theirs must not run backwards.
            self._report("redoing", number * steps, redos * steps)

        attempt = n_drafts - 1 + number
        codes = again(attempt_seed(self._job.request.seed + index, attempt), on_step)
        return self._write(index, codes, attempt, on_other)

    def _write(
        self, index: int, codes: Codes, attempt: int, report: Report
    ) -> tuple[TakeReady, Verdict]:
        """Put a take's sound and codes into the scratch folder, measure it and listen to it."""
        job, request, model = self._job, self._job.request, self._model
        words, seed = self._made_up_from, request.seed + index
        take = job.code_file(codes, None if words is None else (words, seed))
        # A job id is the client's; it must not lead out of the scratch folder.
        stem = f"{re.sub('[^A-Za-z0-9_-]', '_', request.job_id) or 'take'}-{index}"
        stem += f"-{attempt}" if attempt else ""
        wav_path = Path(request.scratch) / f"{stem}.wav"
        codes_path = Path(request.scratch) / f"{stem}.safetensors"
        silent_from = None
        if self._seen.ends_early_s is not None:
            silent_from = round(self._seen.ends_early_s * request.sample_rate)
        sha256 = job.renderer.write(
            wav_path,
            take,
            silent_from,
            lambda done, total: report("codec", index * total + done, request.takes * total),
        )

        def check() -> None:
            report("writing", index, request.takes)

        write_code_file(codes_path, take)
        handle_s = request.handle_s
        figures = measure_take(wav_path, self._lane, check, handle_s)
        wish = self._wish
        if self._lane.hits and figures.sync is None:  # in the handles alone; the shot may be silent
            wish = replace(wish, must_sound=False)
        verdict = self._self_check.verdict(wav_path, figures, wish, check, handle_s)
        report("writing", index + 1, request.takes)
        shown_s = handle_s, float(self._seen.duration_s) - handle_s  # handles may lack picture
        spans = [(max(a, shown_s[0]), min(b, shown_s[1])) for a, b in self._seen.missing_s]
        missing_s = sum(b - a for a, b in spans if b > a)
        ready = TakeReady(
            job_id=request.job_id,
            index=index,
            seed=seed,
            wav_path=str(wav_path),
            codes_path=str(codes_path),
            wav_sha256=sha256,
            n_samples=request.n_samples,
            sample_rate=request.sample_rate,
            sync=figures.sync,
            lag_s=figures.lag_s,
            figures={
                **figures.numbers,
                **verdict.figures,
                "picture_missing_s": round(missing_s, 3),
            },
            model=model.config.name,
            model_hash=model.model_hash,
            engine_version=engine_version(),
            precision=model.precision,
            threads=torch.get_num_threads() if model.device.type == "cpu" else 0,
        )
        return ready, verdict


def _discard(take: TakeReady) -> None:
    for path in (take.wav_path, take.codes_path):
        Path(path).unlink(missing_ok=True)
