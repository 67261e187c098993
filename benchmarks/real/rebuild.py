"""Rebuild the pictures from the public repositories that sources.tsv names.

    python -m benchmarks.real.rebuild DATA

Each picture is read with git at the commit on record and cut as ``how`` says: ``as_is``;
``crop=LEFT,TOP,RIGHT,BOTTOM`` in pixels; ``quad=N``, a quarter of a picture of four, by rows;
``nb=CELL,OUTPUT,N``, the N-th picture in the HTML of a notebook's output; ``resize=EDGE``. What is
larger than 512 pixels and no copy is shrunk to 512. Pictures that are there stay.
"""

from __future__ import annotations

import argparse
import base64
import csv
import io
import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

SOURCES = Path(__file__).with_name("sources.tsv")
HOST = "https://github.com"
EDGE_PX = 512
"""Longer edge of novel images and of most references."""
JPEG_QUALITY = 92
"""Of the pictures that were labelled."""
EMBEDDED = re.compile(r"data:image/\w+;base64,([A-Za-z0-9+/=]+)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--host", default=HOST, help="where the repositories are, or a folder")
    arguments = parser.parse_args()
    with SOURCES.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    by_commit: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        if not (arguments.data / row["file"]).exists():
            by_commit[row["repository"], row["commit"]].append(row)
    missing = sum(len(many) for many in by_commit.values())
    for (repository, commit), many in by_commit.items():
        try:
            fetched = fetch(arguments.host, repository, commit, arguments.data / ".repositories")
        except subprocess.CalledProcessError as error:
            why = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
            print(f"{repository} {commit}: {len(many)} pictures are missing: {why}")
            continue
        for row in many:
            target = arguments.data / row["file"]
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                save(cut(read(fetched, row), row["how"]), target)
                missing -= 1
            except (subprocess.CalledProcessError, OSError, KeyError, IndexError) as error:
                print(f"{row['file']}: {repository} {commit}: {error}")
        print(f"{repository} {commit}: done")
    print(f"{len(rows) - missing} of {len(rows)} pictures are in {arguments.data}")
    sys.exit(1 if missing else 0)


def fetch(host: str, repository: str, commit: str, cache: Path) -> Path:
    """A git directory in `cache` that has this commit, and its files on demand.

    Raises:
        CalledProcessError: git finds no such repository or commit.
    """
    directory = cache / repository.replace("/", "+")
    if not directory.exists():
        _git("init", "--quiet", "--bare", str(directory))
    in_directory = ("-C", str(directory))
    _git(*in_directory, "config", "remote.origin.url", f"{host}/{repository}")
    _git(*in_directory, "config", "remote.origin.promisor", "true")
    branch = f"refs/heads/{commit}"
    if subprocess.run(["git", *in_directory, "show-ref", "--verify", "--quiet", branch]).returncode:
        few = ("--quiet", "--depth", "1", "--filter=blob:none")
        _git(*in_directory, "fetch", *few, "origin", f"{commit}:{branch}")
    return directory


def read(directory: Path, row: Mapping[str, str]) -> bytes:
    """The bytes of a row's file at its commit.

    Raises:
        CalledProcessError: the commit has no such file.
    """
    return _git("-C", str(directory), "show", f"{row['commit']}:{row['path']}")


def cut(content: bytes, how: str) -> Image.Image:
    """The picture in a file, cut as ``how`` says."""
    kind, _, text = how.partition("=")
    numbers = [int(number) for number in text.split(",")] if text else []
    if kind == "nb":
        cell, output, number = numbers
        page = "".join(json.loads(content)["cells"][cell]["outputs"][output]["data"]["text/html"])
        content = base64.b64decode(EMBEDDED.findall(page)[number])
    image = Image.open(io.BytesIO(content)).convert("RGB")
    if kind == "crop":
        left, top, right, bottom = numbers
        return image.crop((left, top, right, bottom))
    if kind == "quad":
        (number,) = numbers
        wide, tall = image.width // 2, image.height // 2
        left, top = number % 2 * wide, number // 2 * tall
        return image.crop((left, top, left + wide, top + tall))
    return image


def save(image: Image.Image, target: Path) -> None:
    """JPEG shrinks to EDGE_PX, PNG stays as it is."""
    if target.suffix == ".jpg":
        image.thumbnail((EDGE_PX, EDGE_PX), Image.Resampling.LANCZOS)
        image.save(target, quality=JPEG_QUALITY)
    else:
        image.save(target)


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], check=True, capture_output=True).stdout


if __name__ == "__main__":
    main()
