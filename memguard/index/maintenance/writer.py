"""Changes of an index in a directory; whoever opens it afterwards sees them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from memguard.descriptors.base import Descriptor, DescriptorSpec
from memguard.files import write_bytes
from memguard.index.base import BuildSummary, IndexWriter, Progress, Removal
from memguard.index.ingest.builder import build
from memguard.index.ingest.ray import on_ray
from memguard.index.maintenance import origins, takedown
from memguard.index.origin import Origin
from memguard.index.store.documents import EXEMPTIONS
from memguard.index.store.exemptions import Change, Exemptions
from memguard.index.store.manifest import Manifest
from memguard.index.store.write_lock import document_lock
from memguard.sources.base import Source


class DirectoryWriter(IndexWriter):
    """Changes the index in a directory, or makes one there."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)

    @property
    def specs(self) -> tuple[DescriptorSpec, ...]:
        return Manifest.read(self.directory).descriptors

    def add(
        self,
        source: Source,
        descriptors: Sequence[Descriptor],
        *,
        workers: int | None = None,
        memory: int | None = None,
        ray: str | None = None,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> BuildSummary:
        read_ahead = None
        if ray is not None:
            read_ahead = on_ray(ray, [descriptor.spec for descriptor in descriptors])
        return build(
            source,
            self.directory,
            descriptors,
            workers=workers,
            memory=memory,
            read_ahead=read_ahead,
            on_progress=on_progress,
        )

    def remove(self, ids: Collection[str]) -> Removal:
        return takedown.remove(self.directory, ids)

    def readmit(self, ids: Collection[str]) -> Removal:
        return takedown.readmit(self.directory, ids)

    def find_ids(self, uri: str) -> list[str]:
        return takedown.find_ids(self.directory, uri)

    def find_ids_of(self, origin: Origin) -> list[str]:
        return origins.find_ids_of(self.directory, origin)

    def require(self, ids: Collection[str]) -> None:
        origins.require(self.directory, ids)

    def exempt(self, change: Change) -> Exemptions:
        Manifest.read(self.directory)
        path = self.directory / EXEMPTIONS
        with document_lock(self.directory):
            known = path.read_bytes() if path.exists() else None
            changed = Exemptions.from_bytes(known, str(self.directory)).changed(change)
            write_bytes(path, changed.to_bytes())
        return changed

    def write_document(self, name: str, data: bytes | None) -> None:
        Manifest.read(self.directory)
        if data is None:
            (self.directory / name).unlink(missing_ok=True)
        else:
            write_bytes(self.directory / name, data)
