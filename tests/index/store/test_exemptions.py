"""The list of exempt references: what holds now, its history, damage."""

from __future__ import annotations

import re

import pytest

from memguard import IndexUnavailableError
from memguard.files import checked_json
from memguard.index.store.exemptions import Change, Exemptions

A, B = "a" * 32, "b" * 32


def history(*changes: Change) -> Exemptions:
    known = Exemptions()
    for change in changes:
        known = known.changed(change)
    return known


def change(action: str, *ids: str, when: str = "2026-11-25T16:00:00+00:00") -> Change:
    return Change(action, ids, chosen="", why="", who="anna", when=when)


def test_what_holds_follows_from_the_history() -> None:
    first = change("allow", A, B)
    known = history(first, change("disallow", A), change("quarantine", A))
    assert known.allowed == {B: first}
    assert known.in_force == {B: "allowed", A: "quarantined"}
    released = known.changed(change("release", A))
    assert released.in_force == {B: "allowed"}
    assert released.history[: len(known.history)] == known.history
    again = released.changed(change("allow", A))
    assert set(again.allowed) == {A, B}


def test_a_reference_that_is_both_is_named_quarantined() -> None:
    assert history(change("quarantine", A), change("allow", A)).in_force == {A: "quarantined"}


def test_who_and_when_are_noted_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "anna")
    noted = Change.now("allow", [B, A, A], why="contract\x1b[31m\n12")
    assert noted.ids == (A, B)
    assert noted.why == "contract [31m 12"
    assert noted.who == "anna"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", noted.when)
    assert Change.now("allow", [A], who="a program").who == "a program"


def test_stored_and_read_again() -> None:
    known = history(change("allow", A))
    assert Exemptions.from_bytes(known.to_bytes(), "x") == known
    assert Exemptions.from_bytes(None, "x") == Exemptions()


@pytest.mark.parametrize(
    "damaged",
    [
        b"no JSON",
        checked_json({"history": [{"action": "allow"}]}),
        checked_json({"history": [], "more": 1}),
        history(change("allow", A)).to_bytes().replace(A.encode(), B.encode()),
        history(change("allow", A)).to_bytes().replace(b"anna", b"otto"),
    ],
)
def test_what_was_tampered_with_is_refused(damaged: bytes) -> None:
    with pytest.raises(IndexUnavailableError, match=r"exemptions\.json of x is damaged"):
        Exemptions.from_bytes(damaged, "x")


def test_ids_are_ids() -> None:
    wrong = checked_json({"history": [fields_of(change("allow", "../x"))]})
    with pytest.raises(IndexUnavailableError, match="damaged"):
        Exemptions.from_bytes(wrong, "x")


def fields_of(one: Change) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def test_merged_histories_are_in_the_order_of_time() -> None:
    early = change("allow", A, when="2026-01-01T00:00:00+00:00")
    late = change("disallow", A, when="2026-02-01T00:00:00+00:00")
    other = change("allow", B, when="2026-01-15T00:00:00+00:00")
    merged = history(early, late).merged([history(other, early)])
    assert merged.history == (early, other, late)
    assert merged.in_force == {B: "allowed"}
