"""A run's folder: every image as a PNG, its samples and verdicts as JSON, ready to be resumed.

request.json              the request; another request in the same folder is refused
images/00012/0034.png     image 34 of prompt 12
samples/00012.json        that prompt's samples so far, rewritten after each call of the pipeline
verdicts/00012.json       their verdicts by an index
ranking.json              of an audit with a budget: text guidance of the first prompts so far
audit.json, audit.html    the result of an audit
review.csv, review.html   the questions of a calibration (:mod:`memguard.auditing.review`)
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from filelock import FileLock, Timeout
from PIL import Image

from memguard.auditing.distances import Pixels, common_side, to_squares
from memguard.auditing.generation import GeneratedImage
from memguard.auditing.samples import Sample
from memguard.errors import ConfigurationError
from memguard.files import PARTIAL, write_json
from memguard.verdict import Verdict
from memguard.vision.decode import to_rgb

REQUEST = "request.json"
RESULT = "audit.json"
RANKING = "ranking.json"

Stored = TypeVar("Stored")


@dataclass(frozen=True)
class _StoredVerdicts:
    """One verdict per sample, None for those not compared, and the fingerprint of their index."""

    index: str
    verdicts: list[dict[str, Any] | None]


class RunFolder:
    """The folder of one run: an audit, or the negatives of a calibration.

    Args:
        path: made if it is not there.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @contextlib.contextmanager
    def locked(self, request: Mapping[str, Any]) -> Iterator[None]:
        """Hold the folder for a new request, or for the one that was begun in it.

        Args:
            request: plain JSON values.

        Raises:
            ConfigurationError: the folder holds another request, another process works on it, or
                it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock", timeout=0)
            lock.acquire()
        except Timeout as error:
            raise ConfigurationError(f"another process works on {self.path}") from error
        except OSError as error:
            raise ConfigurationError(
                f"{self.path} cannot be written: {error.strerror or error}"
            ) from error
        with lock:
            self._check_request(request)
            yield

    def request(self) -> dict[str, Any]:
        """What decided which images were made.

        Raises:
            ConfigurationError: nothing was begun here.
        """
        request = _read(self.path / REQUEST, dict[str, Any])
        if request is None:
            raise ConfigurationError(f"{self.path} holds no images that memguard made")
        return request

    def numbers(self) -> list[int]:
        """The numbers of the prompts that have samples, ascending."""
        return sorted(int(file.stem) for file in (self.path / "samples").glob("*.json"))

    def samples(self, number: int) -> list[Sample]:
        """The samples of a prompt so far."""
        return _read(self.path / "samples" / f"{number:05d}.json", list[Sample]) or []

    def add(
        self,
        number: int,
        samples: Sequence[Sample],
        images: Sequence[GeneratedImage],
        seeds: Sequence[int | None],
    ) -> list[Sample]:
        """Store the images of one call; all of them, or none if the process is killed.

        Args:
            number: of the prompt.
            samples: of the prompt so far.
            images: of this call.
            seeds: one per image.

        Returns:
            All samples of the prompt.
        """
        stored = list(samples)
        for position, (image, seed) in enumerate(zip(images, seeds, strict=True)):
            file = None
            if image.picture is not None:
                file = f"images/{number:05d}/{len(stored):04d}.png"
                _save(image.picture, self.path / file)
            stored.append(Sample(file, image.status, seed, position, image.text_guidance))
        self._write(f"samples/{number:05d}.json", msgspec.to_builtins(stored))
        return stored

    def ranking(self) -> list[float]:
        """The text guidance of the first prompts, as far as they are ranked."""
        return _read(self.path / RANKING, list[float]) or []

    def write_ranking(self, values: Sequence[float]) -> None:
        """Store the text guidance of the first prompts."""
        self._write(RANKING, list(values))

    def image(self, file: str) -> Image.Image:
        """A stored image, decoded.

        Raises:
            ConfigurationError: the file is gone or damaged.
        """
        try:
            with Image.open(self.path / file) as image:
                image.load()
                return image
        except OSError as error:
            raise ConfigurationError(
                f"{self.path / file} cannot be read ({error}); begin again in a new folder"
            ) from error

    def squares(
        self,
        files: Sequence[str],
        on_progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
    ) -> Pixels:
        """Stored images as squares of one size, that of the first: those of a model share it."""
        side = common_side([self.image(file) for file in files[:1]])
        squares = np.empty((len(files), side, side, 3), dtype=np.uint8)
        for at, file in enumerate(files):
            squares[at] = to_squares([self.image(file)], side)[0]
            on_progress("Reading", at + 1, len(files))
        return squares

    def verdicts(self, number: int, index: str) -> list[Verdict | None] | None:
        """The stored verdicts of a prompt's samples; None where this index has not judged them.

        Args:
            number: of the prompt.
            index: the fingerprint of the index.
        """
        stored = _read(self.path / "verdicts" / f"{number:05d}.json", _StoredVerdicts)
        if stored is None or stored.index != index:
            return None
        return [None if row is None else Verdict.from_json(row) for row in stored.verdicts]

    def write_verdicts(self, number: int, index: str, verdicts: Sequence[Verdict | None]) -> None:
        """Store one verdict for each sample of a prompt, None for those not compared."""
        rows = [None if verdict is None else verdict.to_json() for verdict in verdicts]
        self._write(f"verdicts/{number:05d}.json", {"index": index, "verdicts": rows})

    def _write(self, name: str, data: Any) -> None:
        (self.path / name).parent.mkdir(exist_ok=True)
        write_json(self.path / name, data)

    def _check_request(self, request: Mapping[str, Any]) -> None:
        known = _read(self.path / REQUEST, dict[str, Any])
        if known is None:
            write_json(self.path / REQUEST, request)
            return
        names = sorted(known.keys() | request.keys())
        other = [name for name in names if known.get(name) != request.get(name)]
        if other:
            raise ConfigurationError(
                f"{self.path} holds images of another {', another '.join(other)}: name another "
                "folder, or go on there with the same arguments"
            )


def is_run(path: str | os.PathLike[str]) -> bool:
    """Whether images were made in this folder by an audit or for a calibration."""
    return (Path(path) / REQUEST).is_file()


def _read(path: Path, kind: type[Stored]) -> Stored | None:
    try:
        return msgspec.convert(json.loads(path.read_bytes()), kind)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ConfigurationError(
            f"{path} is damaged ({error}); begin again in a new folder"
        ) from error


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + PARTIAL)
    with partial.open("wb") as file:
        to_rgb(image).save(file, "PNG")
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
