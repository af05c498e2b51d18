"""Jobs about models rather than cues: import, pull, verify; called by ``jobs``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vatt_engine.errors import BadRequest
from vatt_engine.messages import ImportModel, PullModel, VerifyModel
from vatt_engine.model_library import user_models_dir, verify_model
from vatt_engine.model_offer import folder_for, offer

Report = Callable[[str, int, int | None], None]


def run(request: ImportModel | PullModel | VerifyModel, report: Report) -> dict[str, Any]:
    """Do one such job.

    Args:
        request: what is wanted.
        report: called with (stage, done, total); may raise to cancel.

    Returns:
        What ``Finished.result`` carries.

    Raises:
        VattError: by name.
    """
    if isinstance(request, ImportModel):
        return _import(request, report)
    if isinstance(request, PullModel):
        return _pull(request, report)
    return verify_model(request.model, lambda done, total: report("verifying", done, total))


def _import(request: ImportModel, report: Report) -> dict[str, Any]:
    from vatt_engine.official.importer import Options, import_model

    if not request.folder or not request.name:
        raise BadRequest("An import needs a folder and a name.")
    options = Options(
        checkpoint=Path(request.checkpoint) if request.checkpoint else None,
        probe=Path(request.probe) if request.probe else None,
        ignore_unknown=request.ignore_unknown,
        dry_run=request.dry_run,
        force=request.force,
    )
    return import_model(Path(request.folder), request.name, user_models_dir(), options, report)


def _pull(request: PullModel, report: Report) -> dict[str, Any]:
    from vatt_engine.official.pull import pull_model

    if request.dry_run:
        return offer(request)
    return pull_model(request.name, folder_for(request), request.accepted, report)
