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
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

SOURCES = Path(__file__).with_name("sources.tsv")
HOST = "https://github.com"
EDGE_PX = 512
"""Longer edge of novel images and of most references."""
EMBEDDED = re.compile(r"data:image/\w+;base64,([A-Za-z0-9+/=]+)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--host", default=HOST, help="where the repositories are, or a folder")
    arguments = parser.parse_args()
    with SOURCES.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    missing = [row for row in rows if not (arguments.data / row["file"]).exists()]
    for number, row in enumerate(missing, 1):
        target = arguments.data / row["file"]
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            content = read(arguments.host, row, arguments.data / ".repositories")
            save(cut(content, row["how"]), target)
        except (subprocess.CalledProcessError, OSError, KeyError, IndexError) as error:
            print(f"{row['file']}: {row['repository']} {row['commit']}: {error}")
        else:
            print(f"{number}/{len(missing)} {row['file']}")


def read(host: str, row: Mapping[str, str], cache: Path) -> bytes:
    """The bytes of a row's file at its commit.

    Raises:
        CalledProcessError: git finds no such repository, commit or file.
    """
    repository = cache / row["repository"].replace("/", "+")
    if not repository.exists():
        _git("init", "--quiet", "--bare", str(repository))
    address = f"{host}/{row['repository']}"
    object_name = f"{row['commit']}:{row['path']}"
    if subprocess.run(["git", "-C", str(repository), "cat-file", "-e", row["commit"]]).returncode:
        _git("-C", str(repository), "fetch", "--quiet", "--depth", "1", address, row["commit"])
    return _git("-C", str(repository), "show", object_name)


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
        image.save(target, quality=95)
    else:
        image.save(target)


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], check=True, capture_output=True).stdout


if __name__ == "__main__":
    main()
