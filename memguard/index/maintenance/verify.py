"""Verification: every byte of an index against its fingerprint, the rows of what is derived
against the tables, and what can be mended.

All other files are derived from the tables and the blocked ids.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import lance
import msgspec

from memguard.errors import BuildError, IndexUnavailableError
from memguard.files import is_sealed, read_checked
from memguard.index.ingest.publish import publish
from memguard.index.maintenance.derived_rows import files_of_other_rows
from memguard.index.store import row_arrays
from memguard.index.store.documents import CALIBRATION, CALIBRATION_PAGE, EXEMPTIONS, MEASUREMENTS
from memguard.index.store.fingerprints import HINT, table_fingerprints
from memguard.index.store.manifest import BUILDING, MANIFEST_NAME, Manifest, PinnedFile
from memguard.index.store.tables import FILES, RECORDS
from memguard.index.store.write_lock import write_lock

Remedy = Literal["mend", "calibrate", "report", "build", "exempt", "restore"]

DOCUMENTS: dict[str, Remedy] = {
    CALIBRATION: "calibrate",
    MEASUREMENTS: "calibrate",
    EXEMPTIONS: "exempt",
    BUILDING: "build",
}
"""JSON files other than the manifest, and what writes them again."""

ADVICE: dict[Remedy, str] = {
    "mend": "`memguard verify {path} --mend` derives it again",
    "calibrate": "`memguard calibrate {path}` writes it again",
    "report": "`memguard report {path}` writes it again",
    "build": "delete it and run the build again: it goes on from what the tables hold",
    "exempt": "restore it from a backup, or delete it: then nothing is allowed or quarantined",
    "restore": "restore it from a backup, or build the index again from the images",
}


OTHER_ROWS = "it was derived from other rows than the tables hold"


@dataclass(frozen=True)
class Damage:
    """A damaged file.

    Attributes:
        file: its path in the index.
        reason: what is wrong.
        remedy: the kind of remedy.
        advice: one sentence: what to do.
    """

    file: str
    reason: str
    remedy: Remedy
    advice: str


@dataclass(frozen=True)
class Verification:
    """What ``verify`` found.

    Attributes:
        path: the index.
        files: files compared.
        bytes: their size in bytes.
        damaged: those with other bytes than were written, or derived from other rows.
        mended: those that were damaged and are whole again.
    """

    path: str
    files: int
    bytes: int
    damaged: tuple[Damage, ...]
    mended: tuple[str, ...] = ()


def verify(
    index: str | os.PathLike[str],
    *,
    mend: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Verification:
    """Compare every file of an index with its fingerprint, and the rows of derived files with the
    tables.

    Args:
        index: the index directory.
        mend: derive damaged files again where possible.
        on_progress: called with bytes read and bytes to read.

    Raises:
        IndexUnavailableError: there is no index, or its manifest cannot be mended.
        BuildError: with ``mend``, somebody else changes the index.
    """
    directory = Path(index)
    if not mend:
        while True:
            manifest, _ = _manifest(directory)
            found = _verified(directory, on_progress)
            if _manifest(directory)[0] == manifest:  # else it was replaced meanwhile
                return found
    with write_lock(directory):
        before = _verified(directory, on_progress)
        wanted = {damage.file for damage in before.damaged if damage.remedy == "mend"}
        if wanted and any(_is_original(damage) for damage in before.damaged):
            raise IndexUnavailableError(
                f"{directory} cannot be mended: files that the rest is derived from are damaged, "
                + ", ".join(damage.file for damage in before.damaged if _is_original(damage))
                + f"; {ADVICE['restore']}"
            )
        if wanted:
            _mend(directory, wanted)
        after = _verified(directory, lambda _done, _total: None)
    return replace(after, mended=tuple(sorted(wanted)))


def _verified(directory: Path, on_progress: Callable[[int, int], None]) -> Verification:
    manifest, damaged = _manifest(directory)
    pinned = [(file, _remedy(name)) for name, file in _named(manifest)]
    try:
        tables = table_fingerprints(directory, manifest)
    except (OSError, ValueError):
        tables = []
    pinned += [(file, "restore") for file in tables if _needed(directory, file)]
    total, done = sum(file.bytes for file, _ in pinned), 0
    for file, remedy in pinned:
        if not file.is_whole(directory):
            there = (directory / file.path).is_file()
            reason = "it holds other bytes than were written" if there else "it is missing"
            damaged.append(_damage(directory, file.path, reason, remedy))
        done += file.bytes
        on_progress(done, total)
    if not any(_is_original(damage) for damage in damaged):
        whole = _without(manifest, {damage.file for damage in damaged})
        damaged += [
            _damage(directory, file.path, OTHER_ROWS, "mend")
            for file in files_of_other_rows(directory, whole)
        ]
    damaged += _documents(directory)
    return Verification(str(directory), len(pinned) + 1, total, tuple(damaged))


def _manifest(directory: Path) -> tuple[Manifest, list[Damage]]:
    """The manifest, or its copy where it is damaged."""
    spares = list(_spares(directory))
    try:
        manifest = Manifest.read(directory)
    except IndexUnavailableError as error:
        if not (directory / MANIFEST_NAME).exists() or not spares:
            raise
        return spares[-1], [_damage(directory, MANIFEST_NAME, str(error), "mend")]
    if manifest not in spares:
        copy = f"{row_arrays.FOLDER}/manifest-{manifest.revision}.json"
        return manifest, [_damage(directory, copy, "it is no copy of the manifest", "mend")]
    return manifest, []


def _spares(directory: Path) -> Iterator[Manifest]:
    """The readable copies of manifests, oldest first."""
    found = []
    for path in (directory / row_arrays.FOLDER).glob("manifest-*.json"):
        try:
            found.append(Manifest.parse(path.read_bytes()))
        except (OSError, ValueError):
            continue
    yield from sorted(found, key=lambda manifest: manifest.revision)


def _named(manifest: Manifest) -> Iterator[tuple[str, PinnedFile]]:
    for name, ann in manifest.ann.items():
        for file in ann.files:
            yield name, file
    yield from manifest.lists.items()


def _remedy(name: str) -> Remedy:
    return "restore" if name == row_arrays.BLOCKED else "mend"


def _needed(directory: Path, file: PinnedFile) -> bool:
    """Whether a file must exist: compaction deletes old versions of the tables."""
    return "/data/" in file.path or (directory / file.path).exists()


def _documents(directory: Path) -> Iterator[Damage]:
    for name, remedy in DOCUMENTS.items():
        try:
            read_checked((directory / name).read_bytes())
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            yield _damage(directory, name, str(error), remedy)
    page = directory / CALIBRATION_PAGE
    if page.exists() and not is_sealed(page.read_text("utf-8", errors="replace")):
        yield _damage(directory, page.name, "its fingerprint does not fit", "report")
    for table in (RECORDS, FILES):
        hint = directory / table / "_versions" / HINT
        if hint.exists() and not _hints_right(directory / table, hint):
            where = str(hint.relative_to(directory))
            yield _damage(directory, where, "it names a version that is not there", "mend")


class _Hint(msgspec.Struct):
    version: int


def _hints_right(table: Path, hint: Path) -> bool:
    try:
        version = msgspec.json.decode(hint.read_bytes(), type=_Hint).version
        return bool(lance.dataset(table, version=version).version == version)
    except (OSError, ValueError):
        return False


def _damage(directory: Path, file: str, reason: str, remedy: Remedy) -> Damage:
    return Damage(file, reason, remedy, ADVICE[remedy].format(path=directory))


def _is_original(damage: Damage) -> bool:
    return damage.remedy == "restore"


def _mend(directory: Path, damaged: set[str]) -> None:
    for hint in (file for file in damaged if file.endswith(HINT)):
        (directory / hint).unlink()
    manifest, _ = _manifest(directory)
    if MANIFEST_NAME in damaged:
        manifest.write(directory / MANIFEST_NAME)
    whole = _without(manifest, damaged)
    try:
        publish(directory, manifest.descriptors, whole, memory=manifest.memory)
    except (OSError, ValueError) as error:
        raise BuildError(
            f"{directory} could not be mended ({error}); {ADVICE['restore']}"
        ) from error


def _without(manifest: Manifest, damaged: set[str]) -> Manifest:
    """The manifest of the files that are whole."""
    return replace(
        manifest,
        ann={
            name: ann
            for name, ann in manifest.ann.items()
            if damaged.isdisjoint(file.path for file in ann.files)
        },
        lists={name: file for name, file in manifest.lists.items() if file.path not in damaged},
    )
