"""Builds from real folders: what is indexed, what is listed, what is refused, what resumes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest
from fixtures.comparisons import opened
from fixtures.picture_files import STRIP, encoded, write_cuts
from numpy.typing import NDArray
from PIL import Image

from memguard import BuildError, IndexUnavailableError
from memguard.descriptors import weightless_descriptors
from memguard.descriptors.base import DescriptorSpec
from memguard.descriptors.phash import PHash
from memguard.index.base import BuildSummary, Progress
from memguard.index.ingest.builder import build
from memguard.index.ingest.checkpoint import Checkpoint
from memguard.index.local import DirectoryIndex
from memguard.index.open import open_index
from memguard.lifecycle import build_index
from memguard.sources import Folder
from memguard.vision.picture import Picture

IMAGES = 275
FILES = IMAGES + 5 + 20
"""With exact duplicates and broken ones."""


def broken_files(cat: Image.Image) -> dict[str, bytes]:
    """Twenty files with the names of images that hold no image."""
    jpeg, png = encoded(cat, "JPEG"), encoded(cat, "PNG")
    gif, webp, tiff = encoded(cat, "GIF"), encoded(cat, "WEBP"), encoded(cat, "TIFF")
    return {
        "empty.jpg": b"",
        "empty.png": b"",
        "text.png": b"this is no image",
        "page.jpg": b"<!DOCTYPE html><html>404 Not Found</html>",
        "zip.webp": b"PK\x03\x04" + bytes(100),
        "zeros.bmp": bytes(1000),
        "magic.jpg": b"\xff\xd8\xff",
        "magic.png": b"\x89PNG\r\n\x1a\n",
        "magic.gif": b"GIF89a",
        "header.jpg": jpeg[:200],
        "half.jpg": jpeg[: len(jpeg) // 2],
        "most.jpeg": jpeg[: len(jpeg) * 9 // 10],
        "header.png": png[:40],
        "half.png": png[: len(png) // 2],
        "damaged.png": png[:5000] + bytes(2000) + png[7000:],
        "half.gif": gif[: len(gif) // 2],
        "half.webp": webp[: len(webp) // 2],
        "header.tif": tiff[:4],
        "half.tiff": tiff[: len(tiff) // 2],
        "page\n[bold].png": b"a name that terminals stumble over",
    }


@pytest.fixture(scope="module")
def many(
    photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Path], BuildSummary, list[Progress]]:
    """IMAGES and five exact duplicates of them, and 20 broken files, built in one go."""
    root = tmp_path_factory.mktemp("many")
    good = write_cuts(photographs, root / "images", IMAGES, STRIP)
    (root / "images" / "copies").mkdir()
    for path in [good[0], good[0], good[0], good[1], good[200]]:
        copy = root / "images" / "copies" / f"{len(good)}.jpg"
        copy.write_bytes(path.read_bytes())
        good.append(copy)
    for name, data in broken_files(photographs["chelsea.png"]).items():
        (root / "images" / name).write_bytes(data)
    seen: list[Progress] = []
    summary = build_index(
        root / "images",
        root / "big.memguard",
        weights={},
        calibrate=False,
        workers=2,
        on_progress=seen.append,
    )
    return root, good, summary, seen


def test_many_images_and_twenty_broken_files(
    many: tuple[Path, list[Path], BuildSummary, list[Progress]],
    photographs: dict[str, Image.Image],
) -> None:
    root, good, summary, _ = many
    assert (summary.records, summary.added, summary.duplicates) == (IMAGES, IMAGES, 5)
    assert summary.skipped == 0
    broken = broken_files(photographs["chelsea.png"])
    assert len(broken) == 20
    assert set(summary.unreadable) == {str(root / "images" / name) for name in broken}
    assert all(summary.unreadable.values())
    assert summary.unreadable[str(root / "images" / "empty.jpg")] == "the file is empty"

    index = DirectoryIndex.open(root / "big.memguard")
    assert len(index) == IMAGES
    assert index.unreadable() == summary.unreadable
    records = index.take(index.rows())
    assert {one.id for one in records} == {
        hashlib.sha256(path.read_bytes()).hexdigest()[:32] for path in good
    }
    by_uri = {one.uri: one for one in records}
    copies = [by_uri[str(good[number])].exact_duplicates for number in (0, 1, 2, 200)]
    assert copies == [4, 2, 1, 2]


def test_progress_reaches_the_end(
    many: tuple[Path, list[Path], BuildSummary, list[Progress]],
) -> None:
    _, _, _, seen = many
    assert seen[-1] == Progress(done=FILES, total=FILES, unreadable=20)
    done = [now.done for now in seen]
    assert done == sorted(done)
    assert len(done) > 8


def test_the_same_build_again_reads_nothing_and_changes_nothing(
    many: tuple[Path, list[Path], BuildSummary, list[Progress]],
) -> None:
    root, _, first, _ = many
    before = opened(root / "big.memguard")
    again = build_index(
        root / "images", root / "big.memguard", weights={}, calibrate=False, workers=0
    )
    assert (again.records, again.added, again.duplicates, again.skipped) == (IMAGES, 0, 0, FILES)
    assert again.unreadable == first.unreadable
    assert opened(root / "big.memguard") == before


def test_ids_do_not_depend_on_where_or_when(folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    build_index(folder, tmp_path / "a", weights={}, calibrate=False, workers=0)
    build_index(moved, tmp_path / "b", weights={}, calibrate=False, workers=0)
    a, b = opened(tmp_path / "a"), opened(tmp_path / "b")
    assert [one[0] for one in a["records"]] == [one[0] for one in b["records"]]
    assert (a["rows"], a["faiss"]) == (b["rows"], b["faiss"])


def test_workers_change_nothing(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.jpg").write_bytes(b"x")
    for workers in (0, 2):
        build_index(folder, tmp_path / f"{workers}", weights={}, calibrate=False, workers=workers)
    assert opened(tmp_path / "0") == opened(tmp_path / "2")


def test_an_index_grows(folder: Path, photographs: dict[str, Image.Image], tmp_path: Path) -> None:
    output = tmp_path / "growing.memguard"
    build_index(folder, output, weights={}, calibrate=False, workers=0)
    before = opened(output)
    write_cuts(photographs, folder / "more", 30)
    (folder / "0000.jpg").unlink()
    grown = build_index(folder, output, weights={}, calibrate=False, workers=0)
    assert (grown.records, grown.added, grown.duplicates, grown.skipped) == (30, 6, 24, 23)
    after = opened(output)
    assert after["records"][:24] == before["records"]
    assert len({one[0] for one in after["records"]}) == 30


def test_a_mended_file_is_no_longer_unreadable(
    folder: Path, cat: Image.Image, tmp_path: Path
) -> None:
    (folder / "late.jpg").write_bytes(b"")
    output = tmp_path / "index"
    assert list(build_index(folder, output, weights={}, calibrate=False, workers=0).unreadable) == [
        str(folder / "late.jpg")
    ]
    cat.save(folder / "late.jpg")
    mended = build_index(folder, output, weights={}, calibrate=False, workers=0)
    assert (mended.records, mended.added, mended.unreadable) == (25, 1, {})
    assert DirectoryIndex.open(output).unreadable() == {}


def test_captions_and_sizes_are_kept(folder: Path, tmp_path: Path) -> None:
    build_index(folder, tmp_path / "index", weights={}, calibrate=False, workers=0)
    index = DirectoryIndex.open(tmp_path / "index")
    records = index.take(index.rows())
    captions = {Path(one.uri).name: one.caption for one in records if one.caption}
    assert captions == {"0003.jpg": "a caption"}
    assert {(one.width, one.height) for one in records} == {(64, 64)}


def test_nothing_to_build_from_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "notes.txt").write_text("x")
    with pytest.raises(BuildError, match="holds no image files; nothing was built"):
        build_index(tmp_path / "images", tmp_path / "index", weights={}, calibrate=False, workers=0)
    (tmp_path / "images" / "broken.jpg").write_bytes(b"x")
    with pytest.raises(BuildError, match=r"none of the 1 files .*broken\.jpg: not an image"):
        build_index(tmp_path / "images", tmp_path / "index", weights={}, calibrate=False, workers=0)
    assert not (tmp_path / "index").exists()


def test_folders_with_other_files_are_left_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("text")
    with pytest.raises(BuildError, match="home is a folder with other things in it"):
        build_index(folder, tmp_path / "home", weights={}, calibrate=False, workers=0)
    with pytest.raises(BuildError, match="file is a file"):
        build_index(folder, tmp_path / "file", weights={}, calibrate=False, workers=0)
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["letter.txt"]
    assert (tmp_path / "file").read_text() == "text"


def test_an_empty_folder_can_be_the_output(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    assert (
        build_index(folder, tmp_path / "index", weights={}, calibrate=False, workers=0).records
        == 24
    )


def test_a_build_takes_over_what_one_killed_at_once_left(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "build.lock").touch()
    (tmp_path / "index" / "building.json.tmp").write_text('[{"na')
    assert (
        build_index(folder, tmp_path / "index", weights={}, calibrate=False, workers=0).records
        == 24
    )


@pytest.mark.parametrize("finished", [True, False])
def test_other_descriptors_are_refused(folder: Path, tmp_path: Path, finished: bool) -> None:
    output = tmp_path / "index"
    build(Folder(folder), output, [PHash(8)], workers=0)
    if not finished:
        manifest = json.loads((output / "manifest.json").read_text())
        Checkpoint(msgspec.convert(manifest["descriptors"], list[DescriptorSpec])).write(output)
        (output / "manifest.json").unlink()
    with pytest.raises(BuildError, match=r"holds the descriptors phash64; .* phash64, phash256"):
        build(Folder(folder), output, weightless_descriptors(), workers=0)
    assert build(Folder(folder), output, [PHash(8)], workers=0).records == 24


def test_two_builds_at_once(folder: Path, tmp_path: Path) -> None:
    """The other build is a real process, in the middle of its work."""
    code = f"""
        from memguard.lifecycle import build_index
        def wait(progress):
            print("at work", flush=True)
            input()
        build_index({str(folder)!r}, {str(tmp_path / "index")!r}, weights={{}}, calibrate=False,
                    workers=0, on_progress=wait)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "at work\n"
        with pytest.raises(BuildError, match=r"another build is at work on .*index; wait"):
            build_index(folder, tmp_path / "index", weights={}, calibrate=False, workers=0)
        with pytest.raises(IndexUnavailableError, match="unfinished build"):
            open_index(tmp_path / "index")
        other.communicate("\n" * 10)
    assert other.returncode == 0
    assert len(open_index(tmp_path / "index")) == 24


@dataclass(frozen=True)
class DeadlyPHash(PHash):
    """Kills the process that prepares the image with a red corner, as the system does when
    memory runs out."""

    def __call__(self, picture: Picture) -> NDArray[np.uint8]:
        if picture.image.getpixel((0, 0)) == (255, 0, 0):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(picture)


def test_a_worker_that_dies(folder: Path, tmp_path: Path) -> None:
    deadly = folder / "zz.png"
    Image.new("RGB", (8, 8), "red").save(deadly)
    with pytest.raises(BuildError, match=r"decoding process died .* run the same command again"):
        build(Folder(folder), tmp_path / "index", [DeadlyPHash(8)], workers=1)
    with pytest.raises(IndexUnavailableError, match="unfinished build"):
        open_index(tmp_path / "index")
    deadly.unlink()
    assert build(Folder(folder), tmp_path / "index", [PHash(8)], workers=0).records == 24


@pytest.mark.parametrize(("limit", "culprit"), [(20_000, "lance"), (60_000, "pixels")])
def test_a_full_disk(folder: Path, tmp_path: Path, limit: int, culprit: str) -> None:
    """A limit on file sizes makes the same write fail, with another error number.

    The smaller limit stops Lance, the larger one FAISS, whose file of 24 x 768 floats is larger
    than each of the small steps.
    """
    code = f"""
        import resource
        from memguard.lifecycle import build_index
        from memguard.errors import BuildError
        from memguard.index.ingest import steps, workers
        if {culprit!r} == "pixels":
            workers.CHUNK_ITEMS = steps.STEP_FILES = 2
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
        try:
            build_index({str(folder)!r}, {str(tmp_path / "index")!r}, weights={{}}, calibrate=False,
                        workers=0)
        except BuildError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert "File too large" in done.stdout, done.stderr
    assert culprit in done.stdout
    assert "run the same command again, it resumes" in done.stdout
    with pytest.raises(IndexUnavailableError, match="unfinished build"):
        open_index(tmp_path / "index")
    summary = build_index(folder, tmp_path / "index", weights={}, calibrate=False, workers=0)
    assert summary.records == 24
    assert len(list((tmp_path / "index" / "ann").iterdir())) == 4
