"""Which sources there are: memguard's own, and those of installed packages.

A source that :func:`open_source` can find is a class that fits
:class:`~memguard.sources.base.NamedSource`. Those of memguard are in the table below. A package
offers others by entry points::

    [project.entry-points."memguard.sources"]
    lmdb = "my_package.lmdb:Lmdb"
"""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Iterable, Iterator
from typing import Any, cast

from memguard._entry_points import offered, offered_class
from memguard.errors import ConfigurationError
from memguard.sources.base import NamedSource, Place, Source
from memguard.sources.files import Files

GROUP = "memguard.sources"

SOURCES = (
    "memguard.sources.huggingface:HuggingFace",
    "memguard.sources.embeddings:Embeddings",
    "memguard.sources.webdataset:WebDataset",
    "memguard.sources.urls:Urls",
    "memguard.sources.parquet:Parquet",
    "memguard.sources.folder:Folder",
)
"""Asked in this order, after those of packages; the last takes any folder."""

ATTRIBUTES = ("reads", "recognises", "size", "iterate")


def open_source(
    what: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], **options: Any
) -> Source:
    """The source that a path, pattern, name, or list of paths means.

    Args:
        what: a folder of images, image files and folders as a list, tar shards, Parquet files, a
            list of URLs, a Hugging Face dataset, a folder of embeddings, or what an installed
            package reads.
        options: keyword arguments of the source's class: ``caption`` and ``rights`` name columns of
            a table, ``image`` its column of images, ``split`` and ``config`` parts of a Hugging
            Face dataset, ``column`` that of a list's addresses, ``model`` and ``descriptor`` what
            embeddings come from and belong to.

    Raises:
        ConfigurationError: nothing is there, no source reads it, or an option does not fit.
        BuildError: a folder that cannot be read as one.
    """
    if not isinstance(what, (str, os.PathLike)):
        if options or not isinstance(what, Iterable):
            raise ConfigurationError(
                f"a source is a path, a name, or a list of paths without options, not a "
                f"{type(what).__name__} with {options}"
            )
        return Files(what)
    place = Place(what, options)
    kind = next((kind for kind in _sources() if kind.recognises(place)), None)
    if kind is None:
        problem = (
            f"{what} is not a source that memguard reads"
            if place.path.exists()
            else f"there is nothing at {what}"
        )
        known = "\n  ".join(kind.reads for kind in reversed(list(_sources())))
        raise ConfigurationError(f"{problem}; a source is one of\n  {known}")
    try:
        inspect.signature(kind).bind(what, **options)
    except TypeError as error:
        raise ConfigurationError(f"{what} is read as {kind.__name__}: {error}") from None
    return cast("Any", kind)(what, **options)  # type: ignore[no-any-return]


def _sources() -> Iterator[type[NamedSource]]:
    for offer in offered(GROUP, ()).values():
        yield offered_class(offer, ATTRIBUTES)
    for address in SOURCES:
        module, _, name = address.partition(":")
        yield getattr(importlib.import_module(module), name)
