"""An audit's folder: every image as a PNG, what is known of it as JSON, ready to be resumed.

request.json              what was asked for; another request in the same folder is refused
images/00012/0034.png     image 34 of request 12
samples/00012.json        its images so far, rewritten after each call of the pipeline
verdicts/00012.json       what an index says of them
audit.json, audit.html    the result
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from PIL import Image

from memguard.auditing.generation import Made
from memguard.auditing.samples import Sample
from memguard.errors import ConfigurationError
from memguard.files import PARTIAL, write_json
from memguard.verdict import Verdict
from memguard.vision.decode import to_rgb

REQUEST = "request.json"
RESULT = "audit.json"


class Kept:
    """The folder of one audit.

    Args:
        path: made if it is not there.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @contextlib.contextmanager
    def opened(self, request: Mapping[str, Any]) -> Iterator[None]:
        """Hold the folder for this request, of plain JSON values, begun here before or new.

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
            self._compare(request)
            yield

    def samples(self, number: int) -> list[Sample]:
        """The images of a request that are there."""
        rows = _read(self.path / "samples" / f"{number:05d}.json") or []
        return [Sample(**row) for row in rows]

    def add(
        self,
        number: int,
        before: Sequence[Sample],
        made: Sequence[Made],
        seeds: Sequence[int | None],
    ) -> list[Sample]:
        """Keep the images of one call; all of them, or none if the process is killed."""
        kept = list(before)
        for position, (each, seed) in enumerate(zip(made, seeds, strict=True)):
            file = None
            if each.picture is not None:
                file = f"images/{number:05d}/{len(kept):04d}.png"
                _save(each.picture, self.path / file)
            kept.append(Sample(file, each.status, seed, position))
        self._write(f"samples/{number:05d}.json", [dataclasses.asdict(sample) for sample in kept])
        return kept

    def image(self, file: str) -> Image.Image:
        """A kept image, decoded.

        Raises:
            ConfigurationError: the file is gone or damaged.
        """
        try:
            with Image.open(self.path / file) as image:
                image.load()
                return image
        except OSError as error:
            raise ConfigurationError(
                f"{self.path / file} cannot be read ({error}); begin the audit in a new folder"
            ) from error

    def verdicts(self, number: int, index: str) -> list[Verdict | None] | None:
        """What this very index said of a request's images; None where it was not asked."""
        data = _read(self.path / "verdicts" / f"{number:05d}.json")
        if data is None or data["index"] != index:
            return None
        return [None if row is None else Verdict.from_json(row) for row in data["verdicts"]]

    def keep_verdicts(self, number: int, index: str, verdicts: Sequence[Verdict | None]) -> None:
        """Keep one verdict for each image of a request, None for those not compared."""
        rows = [None if verdict is None else verdict.to_json() for verdict in verdicts]
        self._write(f"verdicts/{number:05d}.json", {"index": index, "verdicts": rows})

    def _write(self, name: str, data: Any) -> None:
        (self.path / name).parent.mkdir(exist_ok=True)
        write_json(self.path / name, data)

    def _compare(self, request: Mapping[str, Any]) -> None:
        known = _read(self.path / REQUEST)
        if known is None:
            write_json(self.path / REQUEST, request)
            return
        names = sorted(known.keys() | request.keys())
        other = [name for name in names if known.get(name) != request.get(name)]
        if other:
            raise ConfigurationError(
                f"{self.path} holds an audit with another {', another '.join(other)}: give another "
                "folder, or ask for the same to resume it"
            )


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ConfigurationError(
            f"{path} is damaged ({error}); begin the audit in a new folder"
        ) from error


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + PARTIAL)
    with partial.open("wb") as file:
        to_rgb(image).save(file, "PNG")
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
