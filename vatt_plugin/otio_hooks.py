"""What OpenTimelineIO can call of ours: a media linker and a hook script, both only when asked.

Neither is listed under any hook in ``plugin_manifest.json``, so reading and writing in an
environment that has this package installed is unchanged. OTIO loads this file by path, so it
imports the package only inside the functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def link_media_reference(in_clip: Any, media_linker_argument_map: Mapping[str, Any]) -> Any:
    """Find a clip's media by file name in search roots.

    Args:
        in_clip: the clip; it is not changed.
        media_linker_argument_map: ``media_roots``, a list of folders, and optionally ``base``,
            the folder that relative URLs start from.

    Returns:
        An ``ExternalReference`` to the file found, or None, which leaves the clip as it is.
    """
    import opentimelineio as otio

    from vatt_plugin.timeline.media import MediaFinder
    from vatt_plugin.timeline.picture import settle
    from vatt_plugin.timeline.spans import Leaf

    arguments = media_linker_argument_map or {}
    roots = tuple(Path(root) for root in arguments.get("media_roots", ()))
    finder = MediaFinder(Path(arguments.get("base") or "."), roots)
    source = settle(Leaf.of(in_clip), finder)
    if source.status != "ready" or source.sequence is not None:
        return None
    reference = otio.schema.ExternalReference(
        target_url=source.media,
        available_range=getattr(in_clip.media_reference, "available_range", None),
    )
    reference.name = Path(source.media).name
    return reference


def hook_function(in_timeline: Any, argument_map: Mapping[str, Any] | None = None) -> Any:
    """Put a marker on the timeline for each cue that we would make sound for.

    Args:
        in_timeline: the timeline being read or written; its tracks stay as they are.
        argument_map: may hold ``base``, the folder that relative media URLs start from.

    Returns:
        The same timeline, with markers on its stack; unchanged if it has no picture.
    """
    from vatt_plugin.timeline.errors import TimelineError
    from vatt_plugin.timeline.markers import cue_marker
    from vatt_plugin.timeline.media import MediaFinder
    from vatt_plugin.timeline.model import Document
    from vatt_plugin.timeline.reading import read_document

    base = Path((argument_map or {}).get("base") or ".")
    document = Document(base / (in_timeline.name or "timeline"), base, in_timeline)
    try:
        timeline = read_document(document, MediaFinder(base))
    except TimelineError:
        return in_timeline
    for cue in timeline.cues:
        if cue.status != "skipped":
            in_timeline.tracks.markers.append(cue_marker(cue, timeline))
    return in_timeline
