"""Streaming builds: where they resume, what overlaps, and sources of all kinds in one index."""

from __future__ import annotations

import io
import json
import tarfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.comparisons import opened
from fixtures.picture_files import encoded, write_cuts
from numpy.typing import NDArray
from PIL import Image

from memguard import BuildError, ConfigurationError
from memguard.calibration.calibrate import calibrate
from memguard.calibration.result import Calibration
from memguard.descriptors import weightless_descriptors
from memguard.descriptors.base import DescriptorSpec
from memguard.descriptors.clip import NEAR_DUPLICATE, Clip
from memguard.descriptors.phash import PHash
from memguard.detection.detector import Detector
from memguard.index.base import Progress
from memguard.index.ingest import steps, workers
from memguard.index.ingest.builder import build
from memguard.index.ingest.checkpoint import Checkpoint
from memguard.index.local import DirectoryIndex
from memguard.lifecycle import add_images, build_index
from memguard.report import explain
from memguard.signal_type import Threshold
from memguard.sources import Folder, Item
from memguard.sources.embeddings import Embeddings
from memguard.sources.webdataset import WebDataset
from memguard.vision.picture import Picture


class Failing(Folder):
    """A folder that fails after some items, and records where each iteration began."""

    def __init__(self, root: Path, after: int) -> None:
        super().__init__(root)
        self.after = after
        self.begun: list[str | None] = []
        self.given = 0

    def iterate(self, after: str | None = None) -> Iterator[Item]:
        self.begun.append(after)
        for item in super().iterate(after):
            if self.given == self.after:
                raise OSError("the network is gone")
            self.given += 1
            yield item


def test_a_build_resumes_at_its_source_s_position(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memguard.sources.cursor.changed_after", lambda path, moment: False)
    monkeypatch.setattr(workers, "CHUNK_ITEMS", 2)
    monkeypatch.setattr(steps, "STEP_FILES", 4)
    build(Folder(folder), tmp_path / "whole", [PHash(8)], workers=0)
    source = Failing(folder, after=11)
    with pytest.raises(BuildError, match=r"the network is gone.*it resumes"):
        build(source, tmp_path / "x", [PHash(8)], workers=0)
    checkpoint = Checkpoint.read(tmp_path / "x")
    assert checkpoint is not None
    progress = checkpoint.sources[source.name]
    assert progress.items == 8
    assert "0007.jpg" in progress.position
    resumed = Failing(folder, after=100)
    summary = build(resumed, tmp_path / "x", [PHash(8)], workers=0)
    assert resumed.begun == [progress.position]
    assert resumed.given == 24 - 8
    assert (summary.records, summary.added, summary.skipped) == (24, 16, 8)
    assert opened(tmp_path / "x") == opened(tmp_path / "whole")
    again = Failing(folder, after=100)
    assert build(again, tmp_path / "x", [PHash(8)], workers=0).skipped == 24
    assert again.begun == [None]


@pytest.mark.parametrize("kind", ["files", "shards"])
def test_files_written_just_now_are_read_again_and_counted_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Their clock may differ: a resumed build cannot know that they have not changed."""
    monkeypatch.setattr(workers, "CHUNK_ITEMS", 2)
    monkeypatch.setattr(steps, "STEP_FILES", 4)
    source: Folder | WebDataset = Folder(folder)
    if kind == "shards":
        images = [Image.open(path) for path in sorted(folder.glob("*.jpg"))]
        for shard in range(3):
            write_shard(tmp_path / f"{shard}.tar", images[8 * shard : 8 * shard + 8])
        source = WebDataset(str(tmp_path / "{0..2}.tar"))

    def killed(progress: Progress) -> None:
        if progress.done >= 20:
            raise OSError("no power")

    with pytest.raises(BuildError, match="no power"):
        build(source, tmp_path / "x", [PHash(8)], workers=0, on_progress=killed)
    seen: list[Progress] = []
    summary = build(source, tmp_path / "x", [PHash(8)], workers=0, on_progress=seen.append)
    assert summary.records == 24
    assert summary.added + summary.skipped == 24
    assert 0 < summary.added <= 8
    assert seen[-1].done == seen[-1].total == 24 if kind == "files" else seen[-1].done == 24


def test_images_are_described_while_a_step_is_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step is not written until images of the second are described."""
    described = threading.Event()
    writing: list[bool] = []

    class Noticing(PHash):
        def describe(self, prepared: Sequence[NDArray[Any]]) -> NDArray[Any]:
            if writing:
                described.set()
            return super().describe(prepared)

    def waiting(*arguments: Any) -> None:
        writing.append(True)
        assert described.wait(60)
        append(*arguments)

    append = steps.append_records
    monkeypatch.setattr(steps, "append_records", waiting)
    monkeypatch.setattr(workers, "CHUNK_ITEMS", 4)
    monkeypatch.setattr(steps, "STEP_FILES", 8)
    assert build(Folder(folder), tmp_path / "x", [Noticing(8)], workers=0).records == 24
    assert len(writing) >= 3


def write_shard(path: Path, images: Sequence[Image.Image], first: int = 0) -> None:
    """A tar in img2dataset's layout, whose keys begin anew in every shard."""
    with tarfile.open(path, "w") as shard:
        for number, image in enumerate(images, first):
            about = {"url": f"https://example.org/{number}.jpg", "caption": f"number {number}"}
            for ending, data in (
                ("jpg", encoded(image, "JPEG", quality=90)),
                ("json", json.dumps(about).encode()),
            ):
                member = tarfile.TarInfo(f"{number:09d}.{ending}")
                member.size = len(data)
                shard.addfile(member, io.BytesIO(data))


@pytest.fixture
def shards(photographs: dict[str, Image.Image], tmp_path: Path) -> Path:
    """Two shards with the same keys: two images in both, and two of its own in each."""
    images = [image.resize((80, 60)) for image in list(photographs.values())[:6]]
    (tmp_path / "shards").mkdir()
    write_shard(tmp_path / "shards" / "00000.tar", images[:4])
    write_shard(tmp_path / "shards" / "00001.tar", [*images[:2], *images[4:6]])
    return tmp_path / "shards"


def test_two_shards_with_the_same_ids(shards: Path, tmp_path: Path) -> None:
    summary = build_index(shards, tmp_path / "x", weights={}, calibrate=False, workers=0)
    assert (summary.records, summary.added, summary.duplicates) == (6, 6, 2)
    index = DirectoryIndex.open(tmp_path / "x")
    records = index.take(index.rows().tolist())
    assert sorted(one.exact_duplicates for one in records) == [1, 1, 1, 1, 2, 2]
    assert [one.url for one in records[:2]] == [
        "https://example.org/0.jpg",
        "https://example.org/1.jpg",
    ]
    assert records[3].caption == "number 3"


def test_two_sources_one_after_the_other(
    shards: Path, folder: Path, photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    build_index(shards, tmp_path / "x", weights={}, calibrate=False, workers=0)
    write_cuts(photographs, tmp_path / "more", 5)
    for source, added in ((folder, 24), (tmp_path / "more", 0), (shards, 0)):
        summary = add_images(source, tmp_path / "x", calibrate=False, workers=2)
        assert (summary.added, summary.records) == (added, 30)
    with pytest.raises(ConfigurationError, match="'a lot' is no size"):
        add_images(folder, tmp_path / "x", memory="a lot", workers=0)


class Levels:
    """A descriptor in place of a model with published embeddings: 27 levels of a picture."""

    neighbours = 5
    signals = Clip.signals
    score_normalised = describes_windows = True

    def __init__(self, model: str = "levels") -> None:
        self.spec = DescriptorSpec("clip", "cosine", 27, model, "3 x 3")

    def prepare(self, picture: Picture) -> NDArray[np.float32]:
        small = picture.image.resize((3, 3), Image.Resampling.BOX)
        return np.asarray(small, np.float32).reshape(-1) + 1

    def describe(self, prepared: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        rows = np.stack(prepared)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def published(photographs: dict[str, Image.Image], tmp_path: Path) -> Embeddings:
    """Embeddings of all photographs, as clip-retrieval writes them."""
    rows = Levels().describe([Levels().prepare(Picture(one)) for one in photographs.values()])
    (tmp_path / "published" / "img_emb").mkdir(parents=True)
    np.save(tmp_path / "published" / "img_emb" / "img_emb_0.npy", rows.astype(np.float16))
    return Embeddings(tmp_path / "published", model="levels")


def test_embeddings_alone(
    published: Embeddings, photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    """Without pixels, thumbnails and hashes, embeddings decide."""
    summary = build(published, tmp_path / "x", [Levels()], workers=0)
    assert summary.records == len(photographs)
    index = DirectoryIndex.open(tmp_path / "x")
    detector = Detector(index, [Levels()])
    names = list(photographs)
    for verdict, name in zip(detector.detect(list(photographs.values())), names):
        assert verdict.label == "similar"
        assert verdict.matches[0].uri.endswith(f"#{names.index(name)}")
        assert set(verdict.matches[0].distances) == {"clip", "clip_normalised"}
    assert index.sample(10, np.random.default_rng(0)) == []
    calibration, _ = calibrate(detector)
    assert (calibration.negatives, calibration.memorized.calibrated) == (0, False)
    assert calibration.thresholds["clip"] == Threshold(NEAR_DUPLICATE, None), "the default"
    assert isinstance(calibration, Calibration)


def test_embeddings_are_searched_in_parts_and_explained(
    published: Embeddings, cat: Image.Image, tmp_path: Path
) -> None:
    """There are no local features to search by, and no pixels to compare."""
    build(published, tmp_path / "x", [Levels()], workers=0)
    detector = Detector(DirectoryIndex.open(tmp_path / "x"), [Levels()], thorough=True)
    (verdict,) = detector.detect([cat])
    assert verdict.label == "similar"
    explanation = explain(cat, detector)
    assert (explanation.verdict, explanation.comparison) == (verdict, None)
    assert explanation.draw().height > 500


def test_embeddings_beside_images(
    published: Embeddings, photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    descriptors = [*weightless_descriptors(), Levels()]
    (tmp_path / "images").mkdir()
    for name in ("astronaut.png", "coffee.png"):
        photographs[name].save(tmp_path / "images" / name)
    build(Folder(tmp_path / "images"), tmp_path / "x", descriptors, workers=0)
    grown = build(published, tmp_path / "x", descriptors, workers=0)
    assert grown.records == len(photographs) + 2
    index = DirectoryIndex.open(tmp_path / "x")
    with_pixels = [one for one in index.take(index.rows().tolist()) if one.has_pixels]
    assert len(with_pixels) == len(index.sample(100, np.random.default_rng(0))) == 2
    rows = np.zeros((1, 8), np.uint8)
    assert index.search("phash64", rows, 100)[1].shape == (1, 2)
    assert index.search("clip", np.ones((1, 27), np.float32), 100)[1].shape == (1, len(index))
    seen, unseen = Detector(index, descriptors).detect(
        [photographs["coffee.png"], photographs["chelsea.png"]]
    )
    assert seen.label == "memorized"
    assert unseen.label == "similar"
    assert "#" in unseen.matches[0].uri


def test_embeddings_of_another_model(published: Embeddings, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be compared"):
        build(published, tmp_path / "x", [Levels("other levels")], workers=0)
    with pytest.raises(ConfigurationError, match="are for the descriptor clip"):
        build(published, tmp_path / "x", weightless_descriptors(), workers=0)
    assert not (tmp_path / "x").exists()
