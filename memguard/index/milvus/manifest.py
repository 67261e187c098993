"""The manifest in Milvus: the row that makes collections an index, replaced in one step."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from memguard._version import __version__
from memguard.descriptors.base import DescriptorSpec
from memguard.errors import IndexUnavailableError
from memguard.files import from_json
from memguard.index.milvus.collections import Collections
from memguard.index.milvus.rows import document_of, document_rows

FORMAT = 1
"""The layout of collections that this memguard writes, and the newest that it reads."""

KEY = "manifest"
DOCUMENTS = "documents"


@dataclass(frozen=True)
class MilvusManifest:
    """What an index in Milvus holds.

    Attributes:
        descriptors: the exact descriptors, in the order they are shown.
        complete: whether a push has finished; readers do not open an index before.
        documents: name (``calibration.json``) to the hash that names its rows, and their number.
        search: descriptor name to the parameters of its searches.
        written_by: the memguard version that wrote it.
    """

    descriptors: tuple[DescriptorSpec, ...]
    complete: bool
    documents: Mapping[str, tuple[str, int]]
    search: Mapping[str, Mapping[str, int]]
    written_by: str = __version__
    format: int = FORMAT

    def write(self, collections: Collections) -> None:
        """Replace the manifest at this address."""
        text = json.dumps(dataclasses.asdict(self))
        collections.upsert(DOCUMENTS, [{"key": KEY, "vector": [0.0, 0.0], "text": text}])

    @classmethod
    def find(cls, collections: Collections) -> MilvusManifest | None:
        """The manifest at this address, or None.

        Raises:
            IndexUnavailableError: it is damaged, or a newer memguard wrote it.
        """
        if not collections.exists(DOCUMENTS):
            return None
        rows = collections.get(DOCUMENTS, [KEY], ["text"], "Strong")
        if not rows:
            return None
        try:
            data = msgspec.json.decode(rows[KEY]["text"])
            if isinstance(data, dict) and data.get("format") != FORMAT:
                raise IndexUnavailableError(
                    f"{collections.address} has format {data.get('format')}, this memguard reads "
                    f"format {FORMAT}; upgrade memguard, or push the index again"
                )
            return from_json(data, cls)
        except ValueError as error:
            raise IndexUnavailableError(
                f"the manifest of {collections.address} is damaged ({error}); push the index again"
            ) from error

    def with_documents(
        self, collections: Collections, documents: Mapping[str, bytes | None]
    ) -> MilvusManifest:
        """A manifest with these documents, which are stored; None removes one. Not yet written."""
        named = dict(self.documents)
        for name, data in documents.items():
            if data is None:
                named.pop(name, None)
                continue
            stored_as, rows = document_rows(data)
            for row in rows:
                collections.upsert(DOCUMENTS, [row])
            named[name] = (stored_as, len(rows))
        return dataclasses.replace(self, documents=named)

    def read_document(self, collections: Collections, name: str) -> bytes | None:
        """A document's bytes, or None.

        Raises:
            IndexUnavailableError: it is damaged.
        """
        if name not in self.documents:
            return None
        stored_as, parts = self.documents[name]
        keys = [f"{stored_as}/{number}" for number in range(parts)]
        rows = collections.get(DOCUMENTS, keys, ["text"], "Strong")
        try:
            return document_of(stored_as, [rows[key] for key in keys])
        except (KeyError, ValueError) as error:
            raise IndexUnavailableError(
                f"{name} of {collections.address} is damaged; push the index again"
            ) from error

    def delete_other_documents(self, collections: Collections) -> None:
        """Delete the documents that this manifest does not name."""
        named = {KEY} | {
            f"{stored_as}/{number}"
            for stored_as, parts in self.documents.values()
            for number in range(parts)
        }
        keys = [row["key"] for row in collections.where(DOCUMENTS, "", [])]
        collections.delete(DOCUMENTS, [key for key in keys if key not in named])
