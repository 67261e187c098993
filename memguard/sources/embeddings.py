"""Precomputed embeddings, as ``clip-retrieval`` and LAION publish them.

``img_emb/img_emb_0.npy`` holds a vector per image, ``metadata/metadata_0.parquet`` a row for each.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.errors import ConfigurationError, UnreadableImageError
from memguard.sources.base import BrokenItem, Item, Place
from memguard.sources.cursor import Position, parts
from memguard.sources.metadata import Columns
from memguard.sources.parquet_rows import rows_from

NUMBER = re.compile(r"(\d+)\.(?:npy|parquet)$")
"""The number that an embedding file shares with its metadata file."""

BLOCK_VECTORS = 1024
"""Vectors read into memory at a time."""

ADDRESS = "image_path"
"""clip-retrieval's column of the image's own path or key."""


class Embeddings:
    """The vectors of a folder of embeddings; without pixels, they have no hash and no thumbnail.

    Args:
        where: the folder that holds ``img_emb`` (or ``img_embeddings``) and ``metadata``, or the
            ``.npy`` and ``.parquet`` files themselves.
        descriptor: the index's descriptor that the vectors belong to.
        model: the exact model that they come from, as the index names it; checked by
            :meth:`require`.
        caption, rights: columns to use instead of those with usual names.

    Attributes:
        width: components of a vector; a file of another width is an unreadable item.

    Raises:
        ConfigurationError: no ``.npy`` file, or files whose numbers do not pair.
    """

    reads: ClassVar[str] = (
        "a folder of embeddings as clip-retrieval writes them (img_emb/*.npy and "
        "metadata/*.parquet)"
    )

    @classmethod
    def recognises(cls, place: Place) -> bool:
        return any(place.path.glob("img_emb*/*.npy")) or any(place.path.glob("img_emb*.npy"))

    def __init__(
        self,
        where: str | os.PathLike[str],
        *,
        model: str,
        descriptor: str = "clip",
        caption: str | None = None,
        rights: str | None = None,
    ) -> None:
        self.where = Path(where).resolve()
        self.descriptor, self.model = descriptor, model
        self.options = {"caption": caption, "rights": rights}
        self._rows = _numbered(self.where, ("img_emb", "img_embeddings"), ".npy")
        self._about = _numbered(self.where, ("metadata",), ".parquet")
        if not self._rows:
            raise ConfigurationError(
                f"there are no img_emb_*.npy files in {where}; name the folder that "
                "clip-retrieval wrote"
            )
        odd = sorted(self._about.keys() ^ self._rows.keys()) if self._about else []
        if odd:
            raise ConfigurationError(
                f"the embedding and metadata files of {where} do not pair: number {odd[0]} "
                f"{f'and {len(odd) - 1} more have' if odd[1:] else 'has'} only one of the two"
            )
        self._numbers = {path: number for number, path in self._rows.items()}
        self.width = next(self._widths(), 0)

    @property
    def name(self) -> str:
        return f"embeddings {self.where}"

    def require(self, specs: Sequence[DescriptorSpec]) -> None:
        """Refuse to be indexed without the descriptor that made the vectors.

        Raises:
            ConfigurationError: the descriptor is not among these, or has another width or model.
        """
        spec = next((spec for spec in specs if spec.name == self.descriptor), None)
        if spec is None:
            raise ConfigurationError(
                f"the embeddings are for the descriptor {self.descriptor}, and the index has "
                f"{', '.join(spec.name for spec in specs) or 'none'}"
            )
        if spec.width != self.width:
            raise ConfigurationError(
                f"the embeddings in {self.where} have {self.width} numbers, and "
                f"{spec.name} ({spec.model}) has {spec.width}: name the model that "
                "they come from: --option model=NAME, in Python model="
            )
        if spec.model != self.model:
            raise ConfigurationError(
                f"the embeddings come from {self.model}, and the index's {spec.name} is "
                f"{spec.model}: they cannot be compared"
            )

    def size(self) -> int:
        return sum(len(rows) for rows in self._opened())

    def iterate(self, after: str | None = None) -> Iterator[Item]:
        for path, begin in parts(sorted(self._numbers), after):
            try:
                yield from self._items(path, begin)
            except (OSError, ValueError, pa.ArrowException) as error:
                reason = UnreadableImageError(f"{error}")
                yield BrokenItem(uri=str(path), state=begin.state, error=reason)

    def _items(self, path: Path, begin: Position) -> Iterator[Item]:
        count, width = _mapped(path).shape
        if width != self.width:
            raise ValueError(f"its rows have {width} numbers, those before {self.width}")
        about = self._about.get(self._numbers[path])
        described = self._described(about, count, begin.done)
        for start in range(begin.done, count, BLOCK_VECTORS):
            for row, vector in enumerate(
                _unit(_mapped(path)[start : start + BLOCK_VECTORS]), start
            ):
                metadata = next(described)
                image_path = metadata.pop(ADDRESS)
                yield Item(
                    uri=f"{path}#{row}" + (f":{image_path}" if image_path else ""),
                    state=begin.state,
                    position=str(begin.at(row + 1)),
                    again=begin.again,
                    vectors={self.descriptor: vector},
                    **metadata,
                )

    def _described(self, about: Path | None, count: int, skipped: int) -> Iterator[dict[str, Any]]:
        """The metadata of each vector from the first that is not skipped."""
        if about is None:
            yield from ({ADDRESS: None} for _ in range(skipped, count))
            return
        with pq.ParquetFile(about) as table:
            if table.metadata.num_rows != count:
                raise ValueError(
                    f"it has {count} vectors, but {about.name} has metadata of "
                    f"{table.metadata.num_rows}"
                )
            columns = Columns.among(table.schema_arrow.names, **self.options)
            used = [*columns.names, *({ADDRESS} & {*table.schema_arrow.names})]
            for row in rows_from(table, used, skipped, at_once=BLOCK_VECTORS):
                yield {**columns.described(row), ADDRESS: row.get(ADDRESS)}

    def _opened(self) -> Iterator[NDArray[Any]]:
        for path in sorted(self._numbers):
            with contextlib.suppress(OSError, ValueError):
                yield _mapped(path)

    def _widths(self) -> Iterator[int]:
        return (rows.shape[1] for rows in self._opened())


def _mapped(path: Path) -> NDArray[Any]:
    """A matrix of numbers in a file, memory-mapped.

    Raises:
        OSError, ValueError: it is truncated, or not such a matrix.
    """
    rows = np.load(path, mmap_mode="r", allow_pickle=False)
    if rows.ndim != 2 or not np.issubdtype(rows.dtype, np.floating):
        raise ValueError(f"it holds {rows.dtype} of shape {rows.shape}, not a matrix of floats")
    return np.asanyarray(rows)


def _unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    """The vectors as float32 of unit length, in memory; zero vectors stay zero."""
    whole = np.array(rows, dtype=np.float32)
    lengths = np.linalg.norm(whole, axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        whole /= np.where(lengths > 0, lengths, 1)
    return whole


def _numbered(where: Path, folders: tuple[str, ...], suffix: str) -> dict[int, Path]:
    """The files of one kind by their number.

    Raises:
        ConfigurationError: two files have the same number.
    """
    folder = next((where / name for name in folders if (where / name).is_dir()), where)
    found: dict[int, Path] = {}
    for path in sorted(folder.glob(f"*{suffix}")):
        if not path.name.startswith("text_emb"):
            digits = NUMBER.search(path.name)
            number = int(digits[1]) if digits else 0
            if number in found:
                raise ConfigurationError(
                    f"{found[number].name} and {path.name} in {folder} have the same number"
                )
            found[number] = path
    return found
