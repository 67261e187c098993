"""The kinds of index chosen by number of vectors and memory, and sizes as people write them."""

from __future__ import annotations

import dataclasses
import json
import logging

import pytest

from memguard import ConfigurationError
from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann.planner import AnnChoice, inverted_list_count, plan, size_in_bytes

SPECS = [
    DescriptorSpec("phash64", "hamming", 64, "m", "p"),
    DescriptorSpec("phash256", "hamming", 256, "m", "p"),
    DescriptorSpec("sscd", "cosine", 512, "m", "p"),
    DescriptorSpec("pixels", "cosine", 768, "m", "p"),
    DescriptorSpec("vlad", "cosine", 2048, "m", "p"),
]


def kinds(rows: int, memory: int | None = None) -> dict[str, str]:
    return {name: choice.kind for name, choice in plan(SPECS, rows, memory).items()}


def test_a_small_index_is_exact() -> None:
    assert all(choice.exact for choice in plan(SPECS, 10_000).values())
    assert kinds(10_000)["sscd"] == "SQfp16"


def test_long_vectors_are_compressed_before_short_ones() -> None:
    choices = plan(SPECS, 40_000)
    assert choices["sscd"].exact
    assert not choices["vlad"].exact


def test_hashes_are_scanned_while_that_is_quick() -> None:
    assert kinds(400_000)["phash64"] == "BFlat"
    assert kinds(400_000)["phash256"] == "BIVF1024"
    assert kinds(100_000)["phash256"] == "BFlat"


def test_a_large_index_uses_inverted_lists() -> None:
    assert kinds(10**6) == {
        "phash64": "BIVF2048",
        "phash256": "BIVF2048",
        "sscd": "IVF2048,PQ256x4fs",
        "pixels": "IVF2048,PQ384x4fs",
        "vlad": "PCAR1024,PQ256x4fs",
    }


def test_long_vectors_are_scanned_by_fewer_bits_while_those_are_few() -> None:
    assert kinds(4 * 10**6)["vlad"] == "PCAR512,PQ128x4fs"


def test_long_vectors_of_a_very_large_index_are_in_inverted_lists_too() -> None:
    assert kinds(10**8)["phash256"] == "BIVF16384"
    assert kinds(10**8)["vlad"] == "PCAR1024,IVF16384,RaBitQ"


def test_what_must_be_held_in_memory_whole_stays_small() -> None:
    assert kinds(10**7)["pixels"] == "IVF8192,SQ8"


def test_odd_dimensions_are_not_quantized_in_pairs() -> None:
    odd = DescriptorSpec("odd", "cosine", 769, "m", "p")
    assert plan([odd], 10**6)["odd"].kind == "IVF2048,SQ8"


@pytest.mark.parametrize("memory", [2 * 10**9, 10**9, 4 * 10**8, 3 * 10**8])
def test_what_is_chosen_fits_the_memory(memory: int) -> None:
    choices = plan(SPECS, 10**6, memory)
    assert sum(choice.bytes for choice in choices.values()) <= memory


def test_less_memory_never_gives_larger_files() -> None:
    sizes = [
        sum(choice.bytes for choice in plan(SPECS, 10**6, memory).values())
        for memory in (3 * 10**8, 10**9, 3 * 10**9, None)
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] / 1.5


def test_too_little_memory_is_logged_and_the_smallest_is_chosen(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        chosen = kinds(10**6, 10**7)
    assert chosen["sscd"] == "PCAR128,IVF2048,RaBitQ"
    assert chosen["vlad"] == "PCAR128,PQ32x4fs"
    assert "more than --memory allows" in caplog.text


def test_few_vectors_stay_exact_however_little_memory_there_is() -> None:
    assert set(kinds(1000, 1000).values()) == {"SQfp16", "BFlat"}


@pytest.mark.parametrize(("rows", "count"), [(15_000, 256), (10**6, 2048), (10**9, 16384)])
def test_inverted_lists_grow_with_the_root_of_the_vectors(rows: int, count: int) -> None:
    assert inverted_list_count(rows) == count


def test_json_and_back() -> None:
    choice = AnnChoice("IVF2048,SQ8", 520_000_000, nprobe=16, candidates=32, recall=0.995)
    assert AnnChoice(**json.loads(json.dumps(dataclasses.asdict(choice)))) == choice


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GB", 4_000_000_000),
        ("500MB", 500_000_000),
        ("1.5 gb", 1_500_000_000),
        ("2GiB", 2 * 2**30),
        ("64k", 64_000),
        ("1TB", 10**12),
        ("123", 123),
        (123, 123),
    ],
)
def test_sizes(text: str | int, size: int) -> None:
    assert size_in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "four", "4PB", "0", "4 G B x", "nan"])
def test_texts_that_are_no_size(text: str) -> None:
    with pytest.raises(ConfigurationError, match="write one like 500MB or 4GB"):
        size_in_bytes(text)
