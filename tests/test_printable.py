"""Text from elsewhere, as it is shown."""

from __future__ import annotations

from memguard.printable import printable


def test_text_from_elsewhere_hides_nothing() -> None:
    assert printable("a\x1b[31m\x00\u202egnp.exe\udcff") == r"a\x1b[31m\x00\u202egnp.exe\udcff"
    family = "\N{MAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
    kept = f"{family} 5\N{NO-BREAK SPACE}%\n\tend"
    assert printable(kept) == kept
