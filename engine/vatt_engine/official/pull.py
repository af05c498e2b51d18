"""``vatt models pull``: fetch the published files of a model after their licences are accepted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from vatt_engine.errors import LicenceNotAccepted, PullFailed, UnknownModel
from vatt_engine.official.catalogue import SOURCES, TERMS, Source
from vatt_engine.official.fetch import cannot_write, fetch

Report = Callable[[str, int, int | None], None]


def describe(name: str, sources: Mapping[str, tuple[Source, ...]] = SOURCES) -> dict[str, Any]:
    """What would be fetched for a model: sources, sizes, licences; ready for JSON.

    Raises:
        UnknownModel: nothing is published under that name.
    """
    if name not in sources:
        raise UnknownModel(
            f"No published files are known for {name!r}.", f"Known: {', '.join(sources)}."
        )
    ids = dict.fromkeys(source.terms for source in sources[name])
    return {
        "name": name,
        "sources": [
            {
                "what": s.what,
                "by_hand": s.kind == "page",
                "address": s.address if s.kind != "hub" else TERMS[s.terms].page,
                "bytes": s.n_bytes,
                "checked": bool(s.sha256) or s.kind == "hub",
                "terms": s.terms,
            }
            for s in sources[name]
        ],
        "licences": [{"id": i, **vars(TERMS[i])} for i in ids],
        "bytes": sum(s.n_bytes for s in sources[name] if s.kind != "page"),
    }


def pull_model(
    name: str,
    into: Path,
    accepted: Collection[str],
    report: Report,
    sources: Mapping[str, tuple[Source, ...]] = SOURCES,
) -> dict[str, Any]:
    """Fetch what can be fetched of a published model into a folder, for ``models import``.

    Args:
        name: a published model.
        into: folder for the files; what is there already is not fetched again.
        accepted: ids of the licences the user has accepted.
        report: called with (stage, done, total); may raise to cancel, parts stay for next time.
        sources: the catalogue.

    Returns:
        ``{"name", "folder", "files", "by_hand"}``; ``by_hand`` lists what the user must add.

    Raises:
        UnknownModel, LicenceNotAccepted, PullFailed, CannotWrite.
    """
    wanted = describe(name, sources)
    refused = [i for i in wanted["licences"] if i["id"] not in accepted]
    if refused:
        names = ", ".join(f"{i['name']} ({i['page']})" for i in refused)
        raise LicenceNotAccepted(
            f"Not accepted: {names}. Nothing was fetched.",
            "Read them, then accept when asked, or with --accept "
            + ",".join(i["id"] for i in refused)
            + ".",
        )
    files: list[str] = []
    for source in sources[name]:
        if source.kind == "url":
            files.extend(_pull_url(source, into, report))
        elif source.kind == "hub":
            files.extend(_pull_hub(source, into, report))
    by_hand = [s for s in wanted["sources"] if s["by_hand"]]
    return {"name": name, "folder": str(into), "files": files, "by_hand": by_hand}


def _pull_url(source: Source, into: Path, report: Report) -> list[str]:
    target = into / source.files[0]
    unpacked = into / Path(source.files[0]).stem
    if source.unpack and unpacked.is_dir():
        return [str(unpacked)]
    fetch(
        source.address,
        target,
        lambda done, total: report(f"fetching {source.what}", done, total),
        sha256=source.sha256,
        hosts=source.hosts,
    )
    if not source.unpack:
        return [str(target)]
    _unpack(target, unpacked, report)
    target.unlink()
    return [str(unpacked)]


def _unpack(archive: Path, folder: Path, report: Report) -> None:
    """Unpack a ZIP; members cannot leave ``folder``, which appears only when it is whole."""
    part = folder.with_name(folder.name + ".unpacking")
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [m for m in packed.infolist() if not m.is_dir()]
            total = sum(m.file_size for m in members)
            done = 0
            for member in members:
                report("unpacking", done, total)
                packed.extract(member, part)  # drops drive letters, leading slashes and ".."
                done += member.file_size
        part.rename(folder)
    except zipfile.BadZipFile as error:
        archive.unlink(missing_ok=True)
        raise PullFailed(
            f"{archive.name} is no ZIP archive; the link may have expired.",
            "Fetch it by hand from the authors' page.",
        ) from error
    except OSError as error:
        raise cannot_write(folder, error) from error


def _pull_hub(source: Source, into: Path, report: Report) -> list[str]:
    place = into / source.address.replace("/", "--")
    return [_hub_file(source, name, place, report) for name in source.files]


def _hub_file(source: Source, name: str, place: Path, report: Report) -> str:
    """Fetch one file with the hub's own client, in a process that may use the network."""
    if (place / name).is_file():
        return str(place / name)
    place.mkdir(parents=True, exist_ok=True)
    environment = {
        k: v for k, v in os.environ.items() if k not in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    }
    environment |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    stage = f"fetching {source.what}"
    command = [sys.executable, "-m", "vatt_engine.official.hub_fetch", source.address, name]
    with subprocess.Popen(
        [*command, str(place)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL, env=environment, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            last: dict[str, Any] = {}
            for line in process.stdout:
                last = _facts(line) or last
                report(stage, int(last.get("done") or 0), last.get("total"))
        except BaseException:
            process.kill()  # what is there of the file stays; the hub's client continues it
            raise
    if "path" in last:
        return str(last["path"])
    raise _hub_error(source, name, place, last)


def _facts(line: str) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _hub_error(source: Source, name: str, place: Path, last: dict[str, Any]) -> Exception:
    message = str(last.get("message", "the hub's client ended without a word"))
    page = TERMS[source.terms].page
    if last.get("error") == "disk":
        return cannot_write(place / name, OSError(int(last.get("errno", 0)), message))
    hint = {
        "gated": f"Accept the terms on {page} and log in with the hub's client (hf auth login).",
        "missing": f"It has moved; look at {page} and fetch it by hand.",
    }.get(str(last.get("error")), "Run the same command again; it continues where it stopped.")
    return PullFailed(f"{name} of {source.address} cannot be fetched: {message}.", hint)
