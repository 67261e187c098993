"""Sources: where the training images are read from."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memguard.errors import ConfigurationError
from memguard.sources.base import BrokenItem, BytesItem, Item, Source
from memguard.sources.cursor import FileItem
from memguard.sources.folder import SUFFIXES, Folder

__all__ = ["BrokenItem", "BytesItem", "FileItem", "Folder", "Item", "Source", "open_source"]

UNDERSTOOD = """a source is one of
  a folder of image files
  a .tar shard, a folder of them, or a pattern such as shards/{00000..00099}.tar
  a .parquet file with a column of images, or a folder of them
  a .txt, .csv or .tsv list of URLs, object-store URIs or paths; a .parquet with a column of them
  hf:NAME on the Hugging Face hub, or a folder that `save_to_disk` wrote
  a folder of embeddings as clip-retrieval writes them (img_emb/*.npy and metadata/*.parquet)"""


def open_source(what: str | os.PathLike[str], **options: Any) -> Source:
    """The source that a path, pattern or name means.

    Args:
        what: see :data:`UNDERSTOOD`.
        options: keyword arguments of the source's class: ``caption`` and ``rights`` name columns of
            a table, ``image`` its column of images, ``split`` and ``config`` parts of a Hugging
            Face dataset, ``column`` that of a list's addresses, ``model`` and ``descriptor`` what
            embeddings come from and belong to.

    Raises:
        ConfigurationError: nothing is there, it is no kind of source, or an option does not fit.
        BuildError: a folder that cannot be one.
    """
    kind = _kind(what, options)
    try:
        inspect.signature(kind).bind(what, **options)
    except TypeError as error:
        raise ConfigurationError(f"{what} is read as {kind.__name__}: {error}") from None
    source: Source = kind(what, **options)
    return source


def _kind(what: str | os.PathLike[str], options: Mapping[str, Any]) -> Any:
    from memguard.sources.embeddings import Embeddings
    from memguard.sources.huggingface import HUB, HuggingFace, is_saved
    from memguard.sources.parquet import Parquet
    from memguard.sources.urls import Urls, lists_addresses
    from memguard.sources.webdataset import RANGE, WebDataset

    name, path = str(what), Path(what)
    ending = path.suffix.lower()
    if name.startswith(HUB) or is_saved(path):
        return HuggingFace
    if RANGE.search(name):
        return WebDataset
    if not path.exists():
        raise ConfigurationError(f"there is nothing at {what}; {UNDERSTOOD}")
    if path.is_dir():
        if any(path.glob("img_emb*/*.npy")) or any(path.glob("img_emb*.npy")):
            return Embeddings
        return {".tar": WebDataset, ".parquet": Parquet, None: Folder}[_content(path)]
    if ending == ".parquet":
        return Urls if "column" in options or lists_addresses(path) else Parquet
    if ending in (".txt", ".csv", ".tsv"):
        return Urls
    if ending == ".tar":
        return WebDataset
    raise ConfigurationError(f"{what} is no source that memguard reads; {UNDERSTOOD}")


def _content(folder: Path) -> str | None:
    """What the top of a folder tree holds: ``.tar`` shards, ``.parquet`` files, or neither.

    Raises:
        ConfigurationError: shards and images, of which only one kind would be read.
    """
    endings = {one.suffix.lower() for pattern in ("*", "*/*") for one in folder.glob(pattern)}
    images = bool(endings & SUFFIXES)
    if ".tar" in endings and images:
        raise ConfigurationError(
            f"{folder} holds image files and tar shards; name the shards by a pattern such as "
            f"{folder}/{{00000..00099}}.tar, or a folder of one kind"
        )
    if ".tar" in endings:
        return ".tar"
    return ".parquet" if ".parquet" in endings and not images else None
