"""The offline API: one call a command, on a directory; what needs one refuses an address."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memguard import ConfigurationError, IndexUnavailableError, lifecycle, open_index
from memguard.index.base import BuildSummary

ADDRESS = "milvus://localhost/art"


@pytest.fixture
def copied(built: tuple[Path, BuildSummary], tmp_path: Path) -> Path:
    return Path(shutil.copytree(built[0], tmp_path / "copy.memguard"))


def test_removed_compacted_verified_and_readmitted(
    built: tuple[Path, BuildSummary], copied: Path
) -> None:
    file = str(built[0].parent / "images" / "0003.jpg")
    (one,) = lifecycle.find_ids(copied, file)
    removal = lifecycle.remove_images(copied, [one])
    assert (removal.path, removal.removed, removal.records) == (str(copied), (one,), 59)
    assert open_index(copied).find(one) is None
    about = lifecycle.summarize_index(copied)
    assert (about.records, about.deleted, about.blocked) == (59, 1, 1)
    assert lifecycle.readmit_images(copied, [one]).records == 60
    lifecycle.remove_images(copied, [one])
    assert lifecycle.compact_index(copied).removed == 1
    assert lifecycle.verify_index(copied).damaged == ()
    assert lifecycle.find_ids(copied, file) == []


def test_a_merge_takes_its_memory_as_text(built: tuple[Path, BuildSummary], tmp_path: Path) -> None:
    merged = lifecycle.merge_indexes([built[0]], tmp_path / "merged", memory="2GB")
    assert (merged.records, merged.memory) == (60, 2 * 10**9)
    assert len(open_index(tmp_path / "merged")) == 60
    with pytest.raises(ConfigurationError, match="plenty"):
        lifecycle.merge_indexes([built[0]], tmp_path / "other", memory="plenty")
    assert not (tmp_path / "other").exists()


def test_what_the_training_set_repeats(gallery: Path) -> None:
    (cats,) = lifecycle.most_repeated(gallery, 10)
    assert (cats.files, cats.images, len(cats.members)) == (3, 1, 1)
    redundant = list(lifecycle.redundant_files(gallery))
    assert len(redundant) == 2
    assert cats.members[0].uri not in redundant


@pytest.mark.parametrize(
    "call",
    [
        lambda: lifecycle.compact_index(ADDRESS),
        lambda: lifecycle.verify_index(ADDRESS),
        lambda: lifecycle.summarize_index(ADDRESS),
        lambda: lifecycle.most_repeated(ADDRESS, 1),
        lambda: lifecycle.redundant_files(ADDRESS),
        lambda: lifecycle.push_index(ADDRESS, ADDRESS),
        lambda: lifecycle.merge_indexes([ADDRESS], "merged.memguard"),
        lambda: lifecycle.merge_indexes([], ADDRESS),
    ],
)
def test_what_needs_a_directory_refuses_an_address(call: Callable[[], Any]) -> None:
    with pytest.raises(IndexUnavailableError, match="is an address in Milvus; this needs"):
        call()


def test_an_index_prints_as_a_table(built: tuple[Path, BuildSummary]) -> None:
    html = open_index(built[0])._repr_html_()
    for text in ("small.memguard: 60 references", "phash256", "hamming, 256"):
        assert text in html
