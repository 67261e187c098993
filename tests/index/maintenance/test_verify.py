"""A flipped byte in any file of an index: found by ``verify``, and never a wrong verdict."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures.calibrations import simulated_copies_of
from fixtures.comparisons import contents
from fixtures.picture_files import write_cuts
from PIL import Image

from memguard import IndexUnavailableError
from memguard.index.local import DirectoryIndex
from memguard.index.maintenance import compaction
from memguard.index.maintenance.takedown import remove
from memguard.index.maintenance.verify import verify
from memguard.index.store.manifest import MANIFEST_NAME
from memguard.lifecycle import build_index, calibrate_index
from memguard.report import report_index


@pytest.fixture(scope="module")
def whole(photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with every kind of file: calibrated, with a page, grown, and with a takedown."""
    root = tmp_path_factory.mktemp("whole")
    for count in (4, 6):
        write_cuts(photographs, root / "images", count)
        build_index(root / "images", root / "x", weights={}, calibrate=False, workers=0)
    with simulated_copies_of(1):
        calibrate_index(root / "x")
    opened = DirectoryIndex.open(root / "x")
    remove(root / "x", [opened.take(opened.rows()[:1].tolist())[0].id])
    report_index(root / "x")
    return root / "x"


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "x"))


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


def files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file() and path.stat().st_size)


def flipped(directory: Path) -> Iterator[Path]:
    """Every file in turn with one flipped byte in its middle, and whole again afterwards."""
    for path in files(directory):
        data = path.read_bytes()
        flip(path, len(data) // 2)
        yield path
        path.write_bytes(data)


def test_an_index_that_is_whole(whole: Path) -> None:
    found = verify(whole)
    assert found.damaged == ()
    assert found.files > 20


def test_a_flipped_byte_in_any_file_is_found(copied: Path) -> None:
    seen = []
    for path in flipped(copied):
        name = str(path.relative_to(copied))
        (damage,) = verify(copied).damaged
        assert damage.file == name
        assert str(copied) in damage.advice or damage.remedy in ("restore", "build")
        seen.append((name.split("/")[0], damage.remedy))
    assert set(seen) == {
        ("ann", "mend"),
        ("lists", "mend"),
        ("lists", "restore"),
        ("records.lance", "restore"),
        ("files.lance", "restore"),
        ("records.lance", "mend"),
        ("files.lance", "mend"),
        ("manifest.json", "mend"),
        ("calibration.json", "calibrate"),
        ("measurements.json", "calibrate"),
        ("calibration.html", "report"),
    }


def test_what_is_derived_never_gives_a_wrong_answer(copied: Path) -> None:
    """The manifest, the FAISS files and the lists: an index with a flipped byte does not open."""
    before = contents(DirectoryIndex.open(copied))
    refused = 0
    for path in flipped(copied):
        name = str(path.relative_to(copied))
        if name.startswith("lists/manifest"):
            assert contents(DirectoryIndex.open(copied)) == before
        elif name == MANIFEST_NAME or name.startswith(("ann/", "lists/")):
            with pytest.raises(IndexUnavailableError, match="verify"):
                DirectoryIndex.open(copied)
            refused += 1
    assert refused > 8


def test_mending(copied: Path) -> None:
    before = contents(DirectoryIndex.open(copied))
    derived = [path for path in files(copied) if path.parent.name in ("ann", "lists")]
    damaged = [path for path in derived if "refused" not in path.name and "spare" not in path.name]
    for path in damaged[::2]:
        flip(path, path.stat().st_size // 3)
    (copied / "ann" / "pixels-2.faiss").unlink(missing_ok=True)
    mended = verify(copied, mend=True)
    assert mended.damaged == ()
    assert mended.mended
    assert contents(DirectoryIndex.open(copied)) == before


def test_a_manifest_is_mended_from_its_copy(copied: Path) -> None:
    before = contents(DirectoryIndex.open(copied))
    (copied / MANIFEST_NAME).write_bytes(b"")
    assert verify(copied, mend=True).mended == (MANIFEST_NAME,)
    assert contents(DirectoryIndex.open(copied)) == before


@pytest.mark.parametrize("pattern", ["records.lance/data/*", "lists/refused-*"])
def test_what_is_not_derived_cannot_be_mended(copied: Path, pattern: str) -> None:
    path = next(copied.glob(pattern))
    flip(path, 100)
    flip(next(copied.glob("ann/*")), 100)
    with pytest.raises(IndexUnavailableError, match=f"cannot be mended.*{path.name}.*backup"):
        verify(copied, mend=True)


def test_a_missing_file_is_damage(copied: Path) -> None:
    path = next(copied.glob("records.lance/data/*"))
    path.unlink()
    (damage,) = verify(copied).damaged
    assert (damage.file, damage.reason) == (str(path.relative_to(copied)), "it is missing")


def test_there_must_be_an_index(tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailableError, match="there is no index"):
        verify(tmp_path / "none")


def test_rows_that_an_older_memguard_shifted(
    whole: Path, copied: Path, photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    """It took the rows after a compaction that was cut off for those before."""
    write_cuts(photographs, tmp_path / "more", 9)
    with pytest.MonkeyPatch.context() as old:
        old.setattr(compaction, "publish", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            compaction.compact(copied)
    right = shutil.copytree(copied, tmp_path / "right")
    build_index(tmp_path / "more", right, weights={}, calibrate=False, workers=0)
    with pytest.MonkeyPatch.context() as old:
        old.setattr("memguard.index.ingest.publish._kept", lambda *_: None)
        build_index(tmp_path / "more", copied, weights={}, calibrate=False, workers=0)
    names = {damage.file.split("/")[0] for damage in verify(copied).damaged}
    assert names == {"ann", "lists"}
    assert verify(copied, mend=True).damaged == ()
    assert contents(DirectoryIndex.open(copied)) == contents(DirectoryIndex.open(right))
