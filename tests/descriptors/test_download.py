"""Downloads from a real server: whole, continued, broken off, of other bytes, onto a full disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from fixtures.file_server import FileServer, serving

from memguard.descriptors.download import RemoteFile, download
from memguard.errors import WeightsError

DATA = bytes(range(256)) * 20_000
"""5 MB: several blocks."""


def remote(server: FileServer, data: bytes = DATA) -> RemoteFile:
    return RemoteFile(f"{server.address}/x.pt", len(data), hashlib.sha256(data).hexdigest())


def test_a_file_is_downloaded_once(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    with serving(DATA) as server:
        for _ in range(2):
            file = download(
                remote(server), tmp_path / "new", lambda done, all_: seen.append((done, all_))
            )
            assert file.read_bytes() == DATA
    assert len(server.ranges) == 1
    assert seen[-1] == (len(DATA), len(DATA))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert [path.name for path in file.parent.iterdir() if path.suffix != ".lock"] == ["x.pt"]


@pytest.mark.parametrize("resumes", [True, False])
def test_a_download_that_broke_off_is_continued_or_begun_anew(
    tmp_path: Path, resumes: bool
) -> None:
    with serving(DATA, stops_after=2_000_000, resumes=resumes) as server:
        with pytest.raises(WeightsError, match=r"broke off after 2,000,000 of 5,120,000 bytes"):
            download(remote(server), tmp_path)
        assert not (tmp_path / "x.pt").exists()
        server.stops_after = None
        assert download(remote(server), tmp_path).read_bytes() == DATA
    assert server.ranges == ["bytes=0-", "bytes=2000000-"]


def test_a_process_killed_before_the_last_step_left_a_whole_file(tmp_path: Path) -> None:
    (tmp_path / "x.pt.tmp").write_bytes(DATA)
    with serving(DATA) as server:
        assert download(remote(server), tmp_path).read_bytes() == DATA
    assert server.ranges == []


def test_a_partial_file_of_other_bytes_is_deleted_and_the_next_attempt_succeeds(
    tmp_path: Path,
) -> None:
    (tmp_path / "x.pt.tmp").write_bytes(b"?" * 1000)
    with serving(DATA) as server:
        with pytest.raises(WeightsError, match=r"gave other bytes than expected: their sha256 is"):
            download(remote(server), tmp_path)
        assert list(tmp_path.glob("x.pt*")) == [tmp_path / "x.pt.lock"]
        assert download(remote(server), tmp_path).read_bytes() == DATA


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(DATA[:-1])
    with serving(DATA) as server:
        assert download(remote(server), tmp_path).read_bytes() == DATA


def test_another_file_of_the_same_size(tmp_path: Path) -> None:
    with (
        serving(DATA[::-1]) as server,
        pytest.raises(WeightsError, match="other bytes than expected"),
    ):
        download(remote(server), tmp_path)
    assert list(tmp_path.glob("x.pt*")) == [tmp_path / "x.pt.lock"]


@pytest.mark.parametrize("says_length", [True, False])
def test_a_longer_answer(tmp_path: Path, says_length: bool) -> None:
    with (
        serving(DATA * 2, says_length=says_length) as server,
        pytest.raises(WeightsError, match=r"instead of 5,120,000|other bytes than expected"),
    ):
        download(remote(server), tmp_path)
    assert not (tmp_path / "x.pt").exists()


def test_a_proxys_page(tmp_path: Path) -> None:
    with (
        serving(b"<html>log in</html>") as server,
        pytest.raises(WeightsError, match=r"holds 19 bytes instead of 5,120,000: is it a pro"),
    ):
        download(remote(server), tmp_path)


def test_an_address_without_the_file(tmp_path: Path) -> None:
    with (
        serving(DATA, status=404) as server,
        pytest.raises(WeightsError, match=r"/x\.pt answers 404 Not Found"),
    ):
        download(remote(server), tmp_path)


def test_no_network(tmp_path: Path) -> None:
    with serving(DATA) as server:
        gone = remote(server)
    with pytest.raises(WeightsError, match=r"cannot be reached: .*Connection refused"):
        download(gone, tmp_path)


def test_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "x.pt.tmp").symlink_to("/dev/full")
    with (
        serving(DATA) as server,
        pytest.raises(WeightsError, match=r"No space left on device; it takes 5 MB.*_CACHE"),
    ):
        download(remote(server), tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with serving(DATA) as server, pytest.raises(WeightsError, match="cannot be written: "):
        download(remote(server), tmp_path / "file" / "folder")
