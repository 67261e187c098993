"""Hugging Face ``datasets``: streamed from the hub, or saved on this machine."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from huggingface_hub import HfApi

from memguard._optional import require
from memguard.errors import ConfigurationError
from memguard.sources.base import Item, Place
from memguard.sources.items import item_of
from memguard.sources.metadata import Columns

HUB = "hf:"
"""Prefix of a dataset's name on the hub."""

USUAL_SPLIT = "train"

SAVED = ("dataset_dict.json", "state.json")
"""Files that ``save_to_disk`` writes; a folder with one of them is a saved dataset."""


class HuggingFace:
    """The images of one split of a dataset, in its order; pixels are decoded by memguard.

    Args:
        what: a folder that ``save_to_disk`` wrote, or a name on the hub (``hf:`` may precede it),
            which is streamed, at the newest revision.
        config: the hub dataset's configuration, if it has several.
        split: by default ``train``, or the only one.
        image, caption, rights: columns to use instead of those found by type or usual name.

    Raises:
        ConfigurationError: ``datasets`` is not installed, or there is no such dataset, split or
            column.
    """

    reads: ClassVar[str] = "hf:NAME on the Hugging Face hub, or a folder that `save_to_disk` wrote"

    @classmethod
    def recognises(cls, place: Place) -> bool:
        return place.name.startswith(HUB) or is_saved(place.what)

    def __init__(
        self,
        what: str | os.PathLike[str],
        *,
        config: str | None = None,
        split: str | None = None,
        image: str | None = None,
        caption: str | None = None,
        rights: str | None = None,
    ) -> None:
        self._datasets = require("datasets", extra="datasets")
        if is_saved(what):
            self.where = str(Path(what).resolve())
            self.split, dataset = self._saved(split)
            self.state = str(dataset._fingerprint)
        else:
            self.where = HUB + str(what).removeprefix(HUB)
            self.split = split or USUAL_SPLIT
            self.state, dataset = self._streamed(config)
        self.image = self._image_column(dataset, image)
        others = [name for name in dataset.column_names if name != self.image]
        self._columns = Columns.among(others, caption=caption, rights=rights)
        self._dataset = dataset.select_columns([self.image, *self._columns.names]).cast_column(
            self.image, self._datasets.Image(decode=False)
        )

    @property
    def name(self) -> str:
        return f"datasets {self.where} {self.split}"

    def size(self) -> int | None:
        if self._is_streamed:
            split = (self._dataset.info.splits or {}).get(self.split)
            return split.num_examples or None if split else None
        return len(self._dataset)

    def iterate(self, after: str | None = None) -> Iterator[Item]:
        row, dataset = self._resumed(after)
        rows = iter(dataset)
        while True:
            try:
                cells = next(rows)
            except StopIteration:
                return
            except Exception as error:  # of any library below `datasets`, mostly of the network
                raise OSError(f"row {row} of {self.name} cannot be read: {error}") from error
            row += 1
            within = dataset.state_dict() if self._is_streamed else None
            yield item_of(
                cells[self.image],
                uri=f"{self.where}/{self.split}#{row - 1}",
                state=self.state,
                position=json.dumps([self.state, row, within]),
                **self._columns.described(cells),
            )

    def _resumed(self, after: str | None) -> tuple[int, Any]:
        """The first row to yield, and the dataset from there on."""
        try:
            state, row, within = json.loads(after or "")
        except (TypeError, ValueError):
            state, row, within = self.state, 0, None
        if state != self.state:
            row, within = 0, None
        if not self._is_streamed:
            return row, self._dataset.skip(row) if row < len(self._dataset) else []
        dataset = copy.deepcopy(self._dataset)  # an iteration leaves its state in it
        if within is not None:
            dataset.load_state_dict(within)
        return row, dataset

    @property
    def _is_streamed(self) -> bool:
        return isinstance(self._dataset, self._datasets.IterableDataset)

    def _saved(self, split: str | None) -> tuple[str, Any]:
        try:
            found = self._datasets.load_from_disk(self.where)
        except Exception as error:  # of any library below `datasets`
            raise ConfigurationError(f"{self.where} does not load: {error}") from error
        if not isinstance(found, self._datasets.DatasetDict):
            return split or USUAL_SPLIT, found
        name = split or (
            USUAL_SPLIT if USUAL_SPLIT in found or len(found) > 1 else next(iter(found))
        )
        if name not in found:
            raise ConfigurationError(
                f"{self.where} has no split {name}; its splits are {', '.join(found)}: name one "
                "by --option split=NAME, in Python split="
            )
        return name, found[name]

    def _streamed(self, config: str | None) -> tuple[str, Any]:
        name = self.where.removeprefix(HUB)
        try:
            revision = str(HfApi().dataset_info(name).sha)
            dataset = self._datasets.load_dataset(
                name, config, split=self.split, revision=revision, streaming=True
            )
        except Exception as error:  # of the network, of any library below `datasets`
            raise ConfigurationError(f"the dataset {name} cannot be read: {error}") from error
        return revision, dataset

    def _image_column(self, dataset: Any, image: str | None) -> str:
        features = dataset.features or {}
        of_images = (
            name
            for name, feature in features.items()
            if name == image or (image is None and isinstance(feature, self._datasets.Image))
        )
        found = next(of_images, None)
        if found is None:
            raise ConfigurationError(
                f"{self.where} has no column {image or 'of images'}; its columns are "
                + ", ".join(f"{name} ({feature})" for name, feature in features.items())
                + ": name one by --option image=NAME, in Python image="
            )
        return str(found)


def is_saved(what: str | os.PathLike[str]) -> bool:
    """Whether this is a folder that ``save_to_disk`` wrote."""
    return any(Path(what, name).is_file() for name in SAVED)
