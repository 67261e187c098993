"""References that do not block: allowed ones, which their users own or license, and quarantined
ones, which match what they should not. Each change is noted in the index with who, when and why.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from memguard.calibration.load import calibrated_detector
from memguard.detection.same_picture import find_same
from memguard.errors import ConfigurationError
from memguard.index.open import open_index, open_writer
from memguard.index.origin import Origin
from memguard.index.store.exemptions import Action, Change, Exemptions
from memguard.pipelines.inputs import ImageLike, read_image
from memguard.verdict import Match
from memguard.vision.picture import Picture

IndexPath = str | os.PathLike[str]


def allow_references(
    index: IndexPath,
    ids: Collection[str],
    *,
    why: str = "",
    who: str | None = None,
    chosen: str = "",
) -> Change:
    """Allow references: images that copy them are shown, and their verdicts say so.

    What is allowed is these references and their exact duplicates, files of the same bytes or
    pixels; an image that also copies another reference is blocked as before. Guards see a change
    when they open or reload the index.

    Args:
        index: the index directory, or its address in Milvus.
        ids: of records.
        why: the reason, such as a licence and its number.
        who: who allows them; by default the user of this process.
        chosen: how the ids were chosen, for the history.

    Returns:
        The change as it is noted.

    Raises:
        ConfigurationError: no id, or one that the index does not hold.
        IndexUnavailableError: there is no index, or its list of exempt references is damaged.
    """
    return _change(index, "allow", ids, why=why, who=who, chosen=chosen)


def disallow_references(
    index: IndexPath,
    ids: Collection[str],
    *,
    why: str = "",
    who: str | None = None,
    chosen: str = "",
) -> Change:
    """Undo :func:`allow_references`.

    Args:
        index, why, who, chosen: see there.
        ids: those that are not allowed are left out.

    Returns:
        The change as it is noted.

    Raises:
        ConfigurationError: none of these references is allowed.
        IndexUnavailableError: see there.
    """
    return _change(index, "disallow", ids, why=why, who=who, chosen=chosen)


def quarantine_references(
    index: IndexPath,
    ids: Collection[str],
    *,
    why: str = "",
    who: str | None = None,
    chosen: str = "",
) -> Change:
    """Let references that match what they should not, such as a broken file, no longer block.

    Arguments, result and errors are those of :func:`allow_references`. To take a reference out of
    the index, use :func:`memguard.remove_images`.
    """
    return _change(index, "quarantine", ids, why=why, who=who, chosen=chosen)


def release_references(
    index: IndexPath,
    ids: Collection[str],
    *,
    why: str = "",
    who: str | None = None,
    chosen: str = "",
) -> Change:
    """Undo :func:`quarantine_references`, also for guards that suspend a reference by themselves.

    Arguments, result and errors are those of :func:`allow_references`.
    """
    return _change(index, "release", ids, why=why, who=who, chosen=chosen)


def read_exemptions(index: IndexPath) -> Exemptions:
    """The references of an index that do not block now, and the history of that list.

    Raises:
        IndexUnavailableError: there is no index, or the list is damaged.
    """
    return open_index(index).exemptions()


def find_references(
    index: IndexPath, *, source: str | None = None, licence: str | None = None
) -> list[str]:
    """The ids of the references of a source, or under a licence, or both; sorted.

    Args:
        index: the index directory, or its address in Milvus.
        source, licence: see :class:`memguard.index.origin.Origin`.

    Raises:
        IndexUnavailableError: there is no index.
    """
    return open_writer(index).find_ids_of(Origin(source, licence))


def find_same_reference(
    index: IndexPath, image: ImageLike, *, weights: Mapping[str, str] | None = None
) -> Match | None:
    """The one reference that an image shows whole; of several, the closest in pixels.

    Args:
        index: the index directory, or its address in Milvus.
        image: as :meth:`memguard.Guard.check` takes it.
        weights: by descriptor, where the index's weights are, if they have moved.

    Raises:
        ConfigurationError: not one image.
        UnreadableImageError: it cannot be read.
        IndexUnavailableError, WeightsError: see :class:`memguard.Guard`.
    """
    picture = Picture(read_image(image))
    found = find_same(calibrated_detector(open_index(index), weights=weights), picture)
    return found[0] if found else None


def _change(
    index: IndexPath,
    action: Action,
    ids: Collection[str],
    *,
    why: str,
    who: str | None,
    chosen: str,
) -> Change:
    writer = open_writer(index)
    if action == "disallow":
        allowed = read_exemptions(index).allowed
        ids = [one for one in ids if one in allowed]
        if not ids:
            raise ConfigurationError(
                f"none of these references is allowed; `memguard allow {index} --list` shows those "
                "that are"
            )
    elif not ids:
        raise ConfigurationError(f"name at least one reference to {action}")
    else:
        writer.require(ids)
    change = Change.now(action, ids, why=why, who=who, chosen=chosen)
    writer.exempt(change)
    return change
