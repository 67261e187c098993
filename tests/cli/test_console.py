"""What commands share: images from files, and progress without a terminal."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
import typer
from fixtures.picture_files import encoded
from PIL import Image
from rich.markup import escape
from rich.table import Table

from memguard.cli import console
from memguard.cli.console import counted, out, print_json, progress, read_image, writing
from memguard.errors import ConfigurationError, UnreadableImageError
from memguard.index.base import Progress


def test_an_image_is_read_upright(tmp_path: Path, cat: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "turned.jpg").write_bytes(encoded(cat, "JPEG", exif=exif))
    assert read_image(tmp_path / "turned.jpg").size == (cat.height, cat.width)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name, reason in (("gone.png", "No such file"), ("text.png", "not an image")):
        if name == "text.png":
            (tmp_path / name).write_text("no image")
        with pytest.raises(UnreadableImageError, match=f"{name} cannot be read: {reason}"):
            read_image(tmp_path / name)


def test_lines_about_progress_where_there_is_no_terminal(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait_for(line: str) -> None:
        said = ""
        for _ in range(6000):
            said += capfd.readouterr().err
            if re.search(f"(?m)^{line}$", said):
                return
            time.sleep(0.01)
        pytest.fail(f"{line!r} is not among what was said: {said}")

    monkeypatch.setattr(console, "LINE_SECONDS", 0.05)
    with progress("Indexing") as show:
        wait_for("Indexing")
        show("Indexing", 0, 3000)
        show("Indexing", 1200, 3000)
        wait_for(r"Indexing 1,200/3,000(, \d+\.\d/s, \d:\d\d:\d\d left)?")
        show("Indexing", 3000, 3000)
        show("Calibrating", 7, None)
        wait_for("Calibrating 7")


def test_bursts_and_resumed_work_make_no_rate(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "LINE_SECONDS", 0.2)
    clock = [0.0]
    monkeypatch.setattr(console, "monotonic", lambda: clock[0])
    with progress("Indexing") as show:
        show("Indexing", 1000, 1300)
        show("Indexing", 1016, 1300)
        time.sleep(0.3)
        clock[0] = 10.0
        show("Indexing", 1100, 1300)
        time.sleep(0.2)
    first, second, *_ = capfd.readouterr().err.splitlines()
    assert first == "Indexing 1,016/1,300"
    assert second == "Indexing 1,100/1,300, 10.0/s, 0:00:20 left"


def test_a_short_command_prints_no_progress(capfd: pytest.CaptureFixture[str]) -> None:
    with progress("Indexing") as show:
        show("Indexing", 1, 2)
    assert capfd.readouterr() == ("", "")


def test_ctrl_c_says_how_to_go_on(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught, progress("Indexing", stopped="run it [again]"):
        raise KeyboardInterrupt
    assert caught.value.exit_code == 130
    assert capfd.readouterr().err == "stopped: run it [again]\n"


def test_one_is_no_plural() -> None:
    assert (counted(1, "image"), counted(0, "image")) == ("1 image", "0 images")


def test_dataclasses_are_printed_as_objects(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([Progress(3, None, 0), {"a": (1, 2)}])
    printed = json.loads(capsys.readouterr().out)
    assert printed == [{"done": 3, "total": None, "unreadable": 0}, {"a": [1, 2]}]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none" / "x.png"
    message = f"the picture cannot be written to {path}: No such file or directory"
    with pytest.raises(ConfigurationError, match=message), writing("picture", path):
        Image.new("L", (1, 1)).save(path)
    with pytest.raises(ConfigurationError, match="unknown file extension"), writing("it", path):
        Image.new("L", (1, 1)).save(tmp_path / "x.unknown")


def test_a_name_gives_the_terminal_no_orders(capsys: pytest.CaptureFixture[str]) -> None:
    name = "a\x1b[31mred\x1b]0;title\x07\x9b2Jend"
    out.print(f"[bold]{escape(name)}[/]\nsecond line")
    table = Table()
    table.add_column(escape(name))
    table.add_row(escape(name))
    out.print(table)
    printed = capsys.readouterr().out
    assert printed.count(r"a\x1b[31mred\x1b]0;title\x07\x9b2Jend") == 3
    assert "\nsecond line\n" in printed
    assert not set(printed) & {"\x1b", "\x07", "\x9b"}
