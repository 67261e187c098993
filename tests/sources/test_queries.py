"""What names of images mean: files, folders, patterns, addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from memguard.errors import UnreadableImageError
from memguard.sources.queries import find_queries


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a/1.png", "a/b/2.JPG", "a/notes.txt", "[x].png", "empty/.keep"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(name.encode())


@pytest.mark.parametrize(
    ("named", "names"),
    [
        (["a"], ["a/1.png", "a/b/2.JPG"]),
        (["a/*.png", "./a/b/"], ["a/1.png", "a/b/2.JPG"]),
        (["a/**/*.JPG"], ["a/b/2.JPG"]),
        (["[x].png"], ["[x].png"]),
        (["a/notes.txt"], ["a/notes.txt"]),
        (["a", "./a/*.png", "a/b/2.JPG"], ["a/1.png", "a/b/2.JPG"]),
    ],
)
@pytest.mark.usefixtures("files")
def test_names_stay_as_the_user_wrote_them(named: list[str], names: list[str]) -> None:
    found = list(find_queries(named))
    assert [query.name for query in found] == names
    assert [query.read() for query in found] == [name.encode() for name in names]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty", "the folder holds no image files"),
        ("*.webp", "no file matches this pattern"),
        ("gone.png", "No such file or directory"),
        ("memory://nothing.png", "nothing is there"),
        ("unheard-of://x.png", "unheard-of"),
    ],
)
@pytest.mark.usefixtures("files")
def test_what_means_no_image_is_named_with_the_reason(
    name: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memguard.sources.items.PAUSE_SECONDS", 0.0)
    (query,) = find_queries([name])
    assert query.name == name
    with pytest.raises(UnreadableImageError, match=reason):
        query.read()
