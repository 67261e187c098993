"""Pictures are read with git at a commit, and cut as the table says."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.real.rebuild import SOURCES, cut, fetch, read, save


def encoded(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def test_every_row_says_where_and_how() -> None:
    with SOURCES.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert len(rows) > 500
    for row in rows:
        assert re.fullmatch(r"(copies|template|novel|train)/\S+\.(png|jpg)", row["file"])
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", row["repository"])
        assert re.fullmatch(r"[0-9a-f]{40}", row["commit"])
        assert re.fullmatch(
            r"as_is|crop=\d+,\d+,\d+,\d+|quad=[0-3]|nb=\d+,\d+,\d+|resize=512", row["how"]
        )


def test_cuts(cat: Image.Image) -> None:
    content = encoded(cat)
    wide, tall = cat.size
    np.testing.assert_array_equal(cut(content, "as_is"), cat)
    np.testing.assert_array_equal(cut(content, "crop=5,7,40,50"), cat.crop((5, 7, 40, 50)))
    half = (wide // 2, tall // 2)
    quarter = cat.crop((half[0], half[1], half[0] * 2, half[1] * 2))
    np.testing.assert_array_equal(cut(content, "quad=3"), quarter)


def test_a_picture_in_a_notebook(cat: Image.Image) -> None:
    small = cat.resize((30, 20))
    pictures = [base64.b64encode(encoded(one)).decode() for one in (cat, small)]
    page = [f'<img src="data:image/png;base64,{picture}"/>' for picture in pictures]
    outputs = [{}, {"data": {"text/html": page}}]
    notebook = json.dumps({"cells": [{"outputs": []}, {"outputs": outputs}]}).encode()
    np.testing.assert_array_equal(cut(notebook, "nb=1,1,1"), small)


def test_jpeg_shrinks_and_png_stays(cat: Image.Image, tmp_path: Path) -> None:
    large = cat.resize((1200, 800))
    save(large.copy(), tmp_path / "a.jpg")
    save(large.copy(), tmp_path / "a.png")
    assert Image.open(tmp_path / "a.jpg").size == (512, 341)
    assert Image.open(tmp_path / "a.png").size == (1200, 800)


def test_a_file_at_an_older_commit(tmp_path: Path) -> None:
    work = tmp_path / "host" / "owner" / "name"
    work.mkdir(parents=True)

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(work), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    git("config", "uploadpack.allowAnySHA1InWant", "true")
    commits = []
    for text in ("old", "new"):
        (work / "picture").write_text(text)
        git("add", ".")
        git("commit", "--quiet", "-m", text)
        commits.append(git("rev-parse", "HEAD"))
    row = {"commit": commits[0], "path": "picture"}
    cache = tmp_path / "cache"
    fetched = fetch(str(tmp_path / "host"), "owner/name", commits[0], cache)
    assert read(fetched, row) == b"old"
    assert fetch(str(tmp_path / "nowhere"), "owner/name", commits[0], cache) == fetched
    with pytest.raises(subprocess.CalledProcessError):
        read(fetched, {**row, "path": "absent"})
    with pytest.raises(subprocess.CalledProcessError):
        fetch(str(tmp_path / "nowhere"), "owner/name", commits[1], cache)
