"""The commands that change an index: its life from growth to merge."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from fixtures.command_line import exited, invoked
from PIL import Image

from memguard import ConfigurationError
from memguard.cli.console import out


def test_the_life_of_an_index(
    photographs: dict[str, Image.Image],
    gallery: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Grown, looked into, an image taken down, compacted, verified, merged."""
    index = shutil.copytree(gallery, tmp_path / "x.memguard")
    (tmp_path / "more").mkdir()
    photographs["chelsea.png"].save(tmp_path / "more" / "cat.jpg", quality=70)
    photographs["rocket.jpg"].save(tmp_path / "more" / "rocket.png")
    done = exited("add", index, tmp_path / "more", "--no-calibrate", "--memory", "1GB")
    assert (done.returncode, done.stderr) == (0, "")
    assert "6 images. Files of this build: 2 new, 0 exact duplicates" in done.stdout

    monkeypatch.setattr(out, "width", 160)
    done = exited("duplicates", index, "-o", tmp_path / "sheet.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"4 +│ 2 +│ .*chelsea.png +│ a cat", done.stdout), done.stdout
    assert Image.open(tmp_path / "sheet.png").size == (1096, 164)
    (row,) = json.loads(invoked("duplicates", index, "--json").stdout)
    assert (row["files"], row["images"], len(row["members"])) == (4, 2, 2)
    listed = invoked("duplicates", index, "--redundant", tmp_path / "redundant.txt", "--json")
    assert json.loads(listed.stdout) == [row]
    lines = (tmp_path / "redundant.txt").read_text().splitlines()
    assert len(lines) == 3
    assert str(tmp_path / "more" / "cat.jpg") in lines

    photographs["chelsea.png"].resize((200, 133)).save(tmp_path / "copy.jpg", quality=60)
    done = invoked("remove", index, "--like", tmp_path / "copy.jpg")
    assert done.exit_code == 1
    assert "Remove 2 images?" in done.stderr
    removed = json.loads(
        invoked("remove", index, "--like", tmp_path / "copy.jpg", "--yes", "--json").stdout
    )
    assert set(removed["removed"]) == {member["id"] for member in row["members"]}
    assert removed["records"] == 4
    monkeypatch.chdir(tmp_path / "more")
    said = invoked("remove", index, "--uri", "rocket.png").stdout
    assert "1 image removed, 3 left" in said
    assert "Guards no longer block copies of what was removed" in said
    with pytest.raises(ConfigurationError, match=r"holds no image of /x\.png"):
        invoked("remove", index, "--uri", "/x.png")
    with pytest.raises(ConfigurationError, match="nothing to remove: name images by --id"):
        invoked("remove", index)
    checked = invoked("check", tmp_path / "copy.jpg", "-i", index)
    assert (checked.exit_code, checked.stdout.split()[0]) == (0, "clear")
    assert "3 deleted (not yet compacted), 3 blocked" in invoked("info", index).stdout

    said = invoked("compact", index).stdout
    assert "3 removed images left the files, 3 images in it now" in said
    done = invoked("verify", index)
    assert (done.exit_code, done.stdout.split()[-2:]) == (0, ["0", "damaged"])
    (file,) = index.glob("ann/phash64-*.faiss")
    file.write_bytes(file.read_bytes()[::-1])
    done = invoked("verify", index)
    assert done.exit_code == 4
    assert f"damaged ann/{file.name}: it holds other bytes than were written" in done.stdout
    done = invoked("verify", index, "--mend", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["mended"] == [f"ann/{file.name}"]

    said = invoked("merge", index, gallery, "-o", tmp_path / "merged").stdout
    assert f"{tmp_path}/merged: 3 images." in said
    said = invoked("remove", index, "--undo", "--id", row["members"][0]["id"]).stdout
    assert said == f"{index}: 3 images\n"
