"""Outputs that consist of others: positions count on."""

from __future__ import annotations

from PIL import Image

from memguard.pipelines.pictures import Absent, joined, one, without_pictures

RED, BLUE = (Image.new("RGB", (2, 2), colour) for colour in ("red", "blue"))


def test_positions_count_on_and_what_shows_nothing_has_none() -> None:
    whole = ["a", None, 7]
    parts = [one(RED, "a", lambda _: "x"), one(Absent(), None, lambda _: None), without_pictures(7)]
    output = joined(whole, parts, list)
    assert output.pictures == [RED, Absent()]
    assert output.pieces == ["a", None]
    assert output.rendered(0, BLUE) == "x"
    assert output.replaced({0: "b"}) == ["b", None, 7]
    assert output.replaced({}) is whole
    assert output.all_rendered(BLUE) == ["x", None, 7]
    assert whole == ["a", None, 7]
