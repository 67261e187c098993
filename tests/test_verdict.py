"""Verdicts are plain values: labels of signals, and JSON in and out."""

from __future__ import annotations

import dataclasses
import json

import pytest

from memguard.verdict import Match, Region, Signal, TextGuidance, Verdict

VERDICT = Verdict(
    label="memorized",
    score=1.8742,
    signals=(Signal("phash256", 8.0, 62.0, 31.0), Signal("clip", 0.01, 0.05, None)),
    matches=(
        Match(
            "a" * 32,
            "/x.jpg",
            "mirrored",
            {"phash256": 8.0},
            exact_duplicates=3,
            caption="x",
            shared_by=2,
            region=Region(((0, 0), (0.5, 0), (0.5, 1)), ((1, 0), (0.2, 0), (0.2, 1)), 0.25, 0.4),
        ),
    ),
    why="phash256 distance 8",
    attempt=2,
)


@pytest.mark.parametrize(
    ("distance", "memorized", "label"),
    [
        (0, 4, "memorized"),
        (4, 4, "memorized"),
        (4.01, 4, "similar"),
        (10, 4, "similar"),
        (10.01, 4, "clear"),
        (0, None, "similar"),
        (11, None, "clear"),
    ],
)
def test_a_signal_s_own_label(distance: float, memorized: float | None, label: str) -> None:
    assert Signal("phash64", distance, 10, memorized).label == label


@pytest.mark.parametrize(
    ("signal", "evidence"),
    [
        (Signal("phash256", 60, 60, 40), 0.5),
        (Signal("phash256", 50, 60, 40), 0.75),
        (Signal("phash256", 40, 60, 40), 1),
        (Signal("phash256", 0, 60, 40), 2),
        (Signal("phash256", 80, 60, 40), 0),
        (Signal("phash256", 256, 60, 40), 0),
        (Signal("local_features", -3, -3, -5), 0.5),
        (Signal("local_features", -5, -3, -5), 1),
        (Signal("local_features", -9, -3, -5), 2),
        (Signal("clip", 0.05, 0.05, None), 0.5),
        (Signal("clip", 0.01, 0.05, None), 0.9),
        (Signal("clip", 0.0, 0.05, None), 0.99),
        (Signal("clip", 0.1, 0.05, None), 0),
        (Signal("clip", -0.3, -0.2, None), 0.75),
        (Signal("clip", 0.0, 0.0, None), 0.5),
        (Signal("structure", 0.2, 0.2, 0.2), 1),
        (Signal("structure", 0.3, 0.2, 0.2), 0),
    ],
)
def test_evidence_by_hand(signal: Signal, evidence: float) -> None:
    assert signal.evidence == pytest.approx(evidence)
    expected = "memorized" if evidence >= 1 else "similar" if evidence >= 0.5 else "clear"
    assert signal.label == expected


@pytest.mark.parametrize("verdict", [VERDICT, Verdict("uninformative", 0.0, why="blank")])
def test_json_round_trip(verdict: Verdict) -> None:
    text = json.dumps(verdict.to_json(), allow_nan=False)
    again = Verdict.from_json(json.loads(text))
    assert again == verdict
    assert again.attempt == verdict.attempt


def test_stored_keys_of_a_match_do_not_change() -> None:
    (match,) = VERDICT.to_json()["matches"]
    assert (match["copies"], match["duplicates"]) == (3, 1)
    assert list(match) == [
        *("id", "uri", "view", "distances", "copies", "duplicates", "caption", "rights", "url"),
        *("region", "shared_by", "exempt"),
    ]


def test_matches_stored_before_there_were_regions_are_read() -> None:
    (stored,) = VERDICT.to_json()["matches"]
    del stored["region"], stored["shared_by"]
    assert Match.from_json(stored) == dataclasses.replace(
        VERDICT.matches[0], region=None, shared_by=0
    )


def test_equality_leaves_the_attempt_out() -> None:
    assert dataclasses.replace(VERDICT, attempt=0) == VERDICT
    assert dataclasses.replace(VERDICT, score=0.5) != VERDICT


def test_verdicts_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        VERDICT.label = "clear"  # type: ignore[misc]


def test_a_short_repr() -> None:
    assert repr(VERDICT) == "<Verdict memorized 1.87: phash256 8 <= 31, x.jpg>"
    assert repr(Verdict("uninformative", 0.0, why="the image is blank")) == (
        "<Verdict uninformative: the image is blank>"
    )
    far = Verdict("clear", 0.0, (Signal("structure", 0.51234, 0.3, 0.2),))
    assert repr(far) == "<Verdict clear 0.00: structure 0.512 > 0.3>"


def test_one_short_dict_for_a_log() -> None:
    assert VERDICT.to_log() == {
        "label": "memorized",
        "score": 1.8742,
        "attempt": 2,
        "signal": "phash256",
        "distance": 8.0,
        "threshold": 31.0,
        "match": "a" * 32,
        "uri": "/x.jpg",
    }
    assert Verdict("unchecked", 0.0, why="no index").to_log() == {
        "label": "unchecked",
        "score": 0.0,
        "why": "no index",
    }
    json.dumps(VERDICT.to_log())


def test_a_notebook_shows_why() -> None:
    html = VERDICT._repr_html_()
    for text in ("memorized, score 1.87", "phash256 8 &lt;= 31", "/x.jpg", "phash256 distance 8"):
        assert text in html
    assert "<img" not in html
    match = dataclasses.replace(VERDICT.matches[0], thumbnail=b"a")
    pictured = dataclasses.replace(VERDICT, matches=(match,), thumbnail=b"b")
    assert pictured._repr_html_().count("<img") == 2
    assert pictured == VERDICT
    assert pictured.to_json() == VERDICT.to_json()


def test_text_guidance_is_shown_and_logged_and_decides_nothing() -> None:
    flagged = TextGuidance(0.12345, 981.0, "pair", threshold=0.1)
    verdict = Verdict("clear", 0.0, why="nothing near", text_guidance=flagged)
    assert verdict.to_log() == {
        "label": "clear",
        "score": 0.0,
        "text_guidance": 0.1235,
        "text_guidance_flagged": True,
        "why": "nothing near",
    }
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict
    assert "0.123 &gt; 0.1" in verdict._repr_html_()
    assert str(TextGuidance(0.12345, 981.0, "pair")) == "0.123"
    assert not TextGuidance(0.1, 981.0, "pair", threshold=0.1).flagged
