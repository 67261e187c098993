"""``memguard check``: every kind of file, its JSON and exit status."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from fixtures.command_line import invoked
from fixtures.file_server import serving
from fixtures.html_page import Page
from fixtures.picture_files import encoded
from PIL import Image
from typer.testing import CliRunner

from memguard.cli import app
from memguard.index.base import BuildSummary
from memguard.index.open import open_index
from memguard.sources.queries import Query


def test_check_as_json(built: tuple[Path, BuildSummary], tmp_path: Path) -> None:
    index = built[0]
    image = index.parent / "images" / "0007.jpg"
    Image.new("RGB", (64, 64), "white").save(tmp_path / "blank.png")
    done = invoked("check", image, tmp_path / "blank.png", "-i", index, "--json")
    assert done.exit_code == 3
    copy, blank = json.loads(done.stdout)
    assert (copy["image"], copy["label"]) == (str(image), "memorized")
    assert copy["matches"][0]["uri"] == str(image)
    assert copy["matches"][0]["caption"] == "a tile of an astronaut"
    assert (blank["label"], blank["score"]) == ("uninformative", 0.0)


def test_every_kind_of_file_can_be_checked(
    built: tuple[Path, BuildSummary], photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    image = Image.open(built[0].parent / "images" / "0000.jpg").convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 3
    files = {
        "turned.jpg": encoded(image.rotate(180), "JPEG", exif=exif, quality=95),
        "cmyk.jpg": encoded(image.convert("CMYK"), "JPEG", quality=95),
        "animation.gif": encoded(image, "GIF", save_all=True, append_images=[image.rotate(90)]),
        "deep.tiff": encoded(
            Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257), "TIFF"
        ),
        "layer.webp": encoded(image.convert("RGBA"), "WEBP", lossless=True),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    paths = [tmp_path / name for name in files]
    done = invoked("check", *paths, "-i", built[0], "--json")
    verdicts = {Path(row["image"]).name: row for row in json.loads(done.stdout)}
    assert {name: row["label"] for name, row in verdicts.items()} == dict.fromkeys(
        files, "memorized"
    )
    for row in verdicts.values():
        assert Path(row["matches"][0]["uri"]).name == "0000.jpg"


def test_bad_files_are_named_and_stop_nothing(
    built: tuple[Path, BuildSummary], cat: Image.Image, tmp_path: Path
) -> None:
    memorized = built[0].parent / "images" / "0007.jpg"
    cat.save(tmp_path / "novel.png")
    (tmp_path / "text [1].png").write_text("no image")
    arguments = [tmp_path / "gone.png", memorized, tmp_path / "text [1].png", "-i", built[0]]
    done = invoked("check", *arguments)
    assert done.exit_code == 3
    assert done.stdout.startswith(f"memorized     {memorized}: ")
    assert done.stderr.splitlines() == [
        f"memguard: {tmp_path}/gone.png cannot be read: No such file or directory",
        f"memguard: {tmp_path}/text [1].png cannot be read: not an image in a format that Pillow "
        "reads",
        "3 images: 1 memorized, 2 unreadable",
    ]
    rows = json.loads(invoked("check", *arguments, "--json").stdout)
    assert [row.get("label") for row in rows] == [None, "memorized", None]
    assert rows[0]["error"] == "cannot be read: No such file or directory"
    without = invoked("check", tmp_path / "novel.png", tmp_path / "gone.png", "-i", built[0])
    assert (without.exit_code, without.stdout.split()[0]) == (1, "clear")
    assert invoked("check", tmp_path / "novel.png", "-i", built[0]).exit_code == 0


def test_reports_and_copies_of_blocked_images(
    photograph_index: Path, photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    queries = tmp_path / "out"
    for folder in ("a", "b"):
        (queries / folder).mkdir(parents=True)
    photographs["chelsea.png"].resize((300, 200)).save(queries / "a" / "x.png")
    photographs["coffee.png"].resize((300, 200)).save(queries / "b" / "x.png")
    photographs["rocket.jpg"].save(queries / "b" / "=novel.png")
    (queries / "b" / "broken.png").write_text("no image")
    outputs = ["--csv", tmp_path / "x.csv", "--html", tmp_path / "x.html"]
    outputs += ["--copy-blocked-to", tmp_path / "blocked"]
    for _ in range(2):  # the second run changes nothing
        done = invoked("check", queries, "-i", photograph_index, *outputs, "--json")
    assert done.exit_code == 3
    names = [f"{queries}/{name}" for name in ("a/x.png", "b/=novel.png", "b/broken.png", "b/x.png")]
    rows = json.loads(done.stdout)
    assert [row["image"] for row in rows] == names
    digests = [hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in names]
    assert [row["sha256"] for row in rows] == digests
    copies = [Path(rows[0]["copied_to"]), Path(rows[3]["copied_to"])]
    assert sorted((tmp_path / "blocked").iterdir()) == sorted(copies)
    assert copies[0].name == "x.png"
    assert copies[0].read_bytes() == Path(names[0]).read_bytes()
    assert copies[1].read_bytes() == Path(names[3]).read_bytes()

    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [row["image"] for row in table] == names
    assert [row["sha256"] for row in table] == digests
    labels = [row["label"] for row in table]
    assert labels == ["memorized", "clear", "unreadable", "memorized"]
    assert table[0]["caption"] == "a cat [indoors]"
    assert table[0]["match"].endswith("/chelsea.png")
    assert table[2]["why"].startswith("cannot be read: not an image")

    page = Page((tmp_path / "x.html").read_text(encoding="utf-8"))
    assert "4 images checked against small.memguard" in page.words()
    assert page.words("summary") == "2 memorized 0 similar 1 passed, 1 not checked."
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert len(page.addresses) == 4
    assert digests[0] in page.words()
    assert open_index(photograph_index).manifest.fingerprint in page.words()


def test_images_from_patterns_folders_addresses_and_a_list(
    built: tuple[Path, BuildSummary], cat: Image.Image, tmp_path: Path
) -> None:
    images = built[0].parent / "images"
    with serving((images / "0003.jpg").read_bytes()) as server:
        listed = f"{images}/0004.jpg\n\n{server.address}/a%2F..%2Fb.jpg?key=1\n"
        arguments = ["check", f"{images}/000[12].jpg", "-", "-i", str(built[0]), "--json"]
        arguments += ["--copy-blocked-to", str(tmp_path)]
        done = CliRunner().invoke(app, arguments, input=listed)
    rows = json.loads(done.stdout)
    assert [Path(row["matches"][0]["uri"]).stem for row in rows] == ["0001", "0002", "0004", "0003"]
    assert rows[3]["image"].startswith("http://127.0.0.1:")
    copies = sorted(path.name for path in tmp_path.iterdir())
    assert copies == ["0001.jpg", "0002.jpg", "0004.jpg", "a_2F.._2Fb.jpg"]
    empty = CliRunner().invoke(app, ["check", "-", "-i", str(built[0])], input="\n")
    assert "standard input lists no image" in str(empty.exception)


def test_it_says_where_the_copies_are(built: tuple[Path, BuildSummary], tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "white").save(tmp_path / "blank.png")
    copies = tmp_path / "blocked"
    options = ["-i", built[0], "--copy-blocked-to", copies]
    image = built[0].parent / "images" / "0007.jpg"
    assert f"The copies: {copies}\n" in invoked("check", image, *options).stderr
    assert "The copies" not in invoked("check", tmp_path / "blank.png", *options).stderr


def test_ctrl_c_reports_what_was_checked(
    built: tuple[Path, BuildSummary], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = sorted((built[0].parent / "images").glob("*.jpg"))[:3]
    checking = itertools.count()

    def interrupted(query: Query) -> bytes:
        if next(checking) == 2:
            raise KeyboardInterrupt
        return query.item.read()

    monkeypatch.setattr("memguard.cli.checking.BATCH_IMAGES", 1)
    monkeypatch.setattr(Query, "read", interrupted)
    done = invoked("check", *images, "-i", built[0], "--csv", tmp_path / "x.csv")
    assert done.exit_code == 130
    assert len(done.stdout.splitlines()) == 2
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 3
    assert "stopped: what was checked until then is reported" in done.stderr
