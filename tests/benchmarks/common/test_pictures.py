"""The division of the benchmark's pictures."""

from __future__ import annotations

from pathlib import Path

from benchmarks.common.pictures import Picture, split


def pictures(groups: int, members: int) -> list[Picture]:
    return [
        Picture(Path(f"{group}-{member}.png"), "photograph", f"group {group}")
        for group in range(groups)
        for member in range(members)
    ]


def test_no_group_is_in_two_parts_and_no_picture_is_lost() -> None:
    given = pictures(40, 3)
    parts = vars(split(given, seed=0)).values()
    groups = [{picture.group for picture in part} for part in parts]
    assert sum(map(len, groups)) == 40
    assert sorted(p.path for part in parts for p in part) == sorted(p.path for p in given)


def test_the_shares_are_those_of_groups() -> None:
    parts = split(pictures(100, 1), seed=0)
    assert [len(part) for part in vars(parts).values()] == [45, 25, 25, 5]


def test_seeds_give_different_splits_and_the_same_seed_the_same() -> None:
    given = pictures(40, 1)
    assert split(given, seed=0) == split(given, seed=0)
    assert split(given, seed=0) != split(given, seed=1)


def test_drawings_of_one_pattern_share_parts() -> None:
    name = "stamp-vehicles-construction-cartoon-{}.png"
    one, other, photograph = (
        Picture(Path(file), "drawing", "any")
        for file in (name.format("digger"), name.format("crane"), "stamp-animals-cat.png")
    )
    assert one.shares_parts(other)
    assert not one.shares_parts(photograph)
