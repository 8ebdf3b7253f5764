"""The files of recordings: private, bounded, and valid at any time."""

import os
import wave
from pathlib import Path
from uuid import UUID

import pytest

from ringline.domain.recording import RecordingFailure, RecordingRefused
from ringline.services.recording_writer import RecordingWriter
from ringline.storage.recording_files import DiskRecordings, find_recording
from ringline.wire.wav import HEADER_BYTES, MAX_PCM_BYTES
from tests.samples import new_id

SECOND = bytes([1, 0, 2, 0]) * 16_000
GIGABYTE = 10**9


def files_in(parent: Path, most_bytes: int = GIGABYTE, **chosen: int) -> DiskRecordings:
    return DiskRecordings(parent, most_bytes, free_bytes=chosen.get("free_bytes", 0))


def path_of(parent: Path, call_id: UUID) -> Path:
    return parent / "recordings" / f"{call_id}.wav"


def length_ms(path: Path) -> int:
    """Return the duration of a file as a player of others reads it."""
    with wave.open(str(path)) as sound:
        shape = sound.getnchannels(), sound.getsampwidth(), sound.getframerate()
        assert shape == (2, 2, 16_000)
        frames = sound.getnframes()
        assert len(sound.readframes(frames)) == 4 * frames
        return frames * 1000 // 16_000


def test_a_recording_plays_at_any_time(tmp_path: Path) -> None:
    files, call_id = files_in(tmp_path), new_id()
    file = files.begin(call_id)
    path = path_of(tmp_path, call_id)
    for second in range(4):
        assert length_ms(path) == 1_000 * second
        file.append(SECOND)
    assert file.close() == 4_000
    assert length_ms(path) == 4_000
    assert path.read_bytes()[HEADER_BYTES:] == 4 * SECOND


def test_the_directory_and_its_files_are_private(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        files, call_id = files_in(tmp_path / "data"), new_id()
        files.begin(call_id).close()
    finally:
        os.umask(mask)
    path = path_of(tmp_path / "data", call_id)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [name.name for name in path.parent.iterdir()] == [f"{call_id}.wav"]


def test_a_link_in_the_directorys_place_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (tmp_path / "recordings").symlink_to(elsewhere)
    with pytest.raises(RecordingRefused) as refused:
        files_in(tmp_path).begin(new_id())
    assert refused.value.failure is RecordingFailure.DISK_FAILED
    assert list(elsewhere.iterdir()) == []


def test_a_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings").chmod(0o755)
    with pytest.raises(RecordingRefused):
        files_in(tmp_path).make_room(0)


def test_a_link_in_a_files_place_is_neither_written_nor_read(tmp_path: Path) -> None:
    files, call_id, target = files_in(tmp_path), new_id(), tmp_path / "target"
    files.begin(new_id()).close()
    target.write_bytes(b"untouched")
    path_of(tmp_path, call_id).symlink_to(target)
    with pytest.raises(RecordingRefused):
        files.begin(call_id)
    with pytest.raises(OSError, match="symbolic"):
        find_recording(tmp_path, call_id)
    assert call_id not in files_in(tmp_path).durations()
    assert target.read_bytes() == b"untouched"


def test_the_oldest_make_room(tmp_path: Path) -> None:
    files = files_in(tmp_path, 3 * (len(SECOND) + HEADER_BYTES))
    calls = [new_id() for _ in range(4)]
    for call_id in calls[:3]:
        assert files.make_room(len(SECOND)) == []
        file = files.begin(call_id)
        file.append(SECOND)
        file.close()
    assert files.make_room(1) == [calls[0]]
    assert files.make_room(len(SECOND) + HEADER_BYTES + 1) == [calls[1]]
    assert sorted(files_in(tmp_path).durations()) == [calls[2]]


def test_a_recording_under_way_is_not_removed(tmp_path: Path) -> None:
    files = files_in(tmp_path, 2 * len(SECOND))
    file = files.begin(new_id())
    file.append(SECOND)
    with pytest.raises(RecordingRefused) as refused:
        files.make_room(len(SECOND))
    assert refused.value.failure is RecordingFailure.NO_ROOM
    assert files.make_room(0) == []
    file.close()
    assert len(files.make_room(len(SECOND))) == 1


def test_what_is_removed_is_gone_and_counts_no_longer(tmp_path: Path) -> None:
    files = files_in(tmp_path, 2 * (HEADER_BYTES + len(SECOND)))
    old, live = new_id(), new_id()
    file = files.begin(old)
    file.append(SECOND)
    file.close()
    files.begin(live).append(SECOND)
    assert files.remove([new_id(), old, live]) == [old], "the other one is under way"
    assert not path_of(tmp_path, old).exists()
    assert path_of(tmp_path, live).exists()
    assert files.make_room(HEADER_BYTES + len(SECOND)) == []
    assert files.remove([old]) == []


def test_a_recording_that_cannot_be_removed_is_told(tmp_path: Path) -> None:
    files, call_id = files_in(tmp_path), new_id()
    files.begin(call_id).close()
    path_of(tmp_path, call_id).unlink()
    path_of(tmp_path, call_id).mkdir()
    with pytest.raises(RecordingRefused) as refused:
        files.remove([call_id])
    assert refused.value.failure is RecordingFailure.DISK_FAILED


def test_the_size_of_earlier_runs_counts(tmp_path: Path) -> None:
    before, call_id = files_in(tmp_path), new_id()
    file = before.begin(call_id)
    file.append(SECOND)
    file.close()
    files = files_in(tmp_path, len(SECOND))
    assert files.durations() == {call_id: 1_000}
    assert files.make_room(0) == [call_id]


def test_none_begins_on_a_full_disk(tmp_path: Path) -> None:
    space = os.statvfs(tmp_path)
    free = space.f_bavail * space.f_frsize
    for least, size in ((2 * free, 0), (2 * free, 1), (free, 0)):
        with pytest.raises(RecordingRefused) as refused:
            files_in(tmp_path, free_bytes=least).make_room(size)
        assert refused.value.failure is RecordingFailure.DISK_FULL
    assert files_in(tmp_path, free_bytes=free // 4).make_room(0) == []


@pytest.mark.parametrize("left", [b"", b"\1", SECOND + b"\1\2\3", b"cut"])
def test_what_a_crash_leaves_is_mended(tmp_path: Path, left: bytes) -> None:
    files, call_id = files_in(tmp_path), new_id()
    file = files.begin(call_id)
    file.append(SECOND)
    file.close()
    path = path_of(tmp_path, call_id)
    with path.open("ab") as torn:  # the header was not renewed
        torn.write(left)
    seconds = 1 + len(left) // len(SECOND)
    found = find_recording(tmp_path, call_id)
    assert found is not None
    with found:
        assert found.complete
        whole = b"".join(found.pieces())
    (tmp_path / "copy.wav").write_bytes(whole)
    assert length_ms(tmp_path / "copy.wav") == 1_000 * seconds
    assert files_in(tmp_path).durations() == {call_id: 1_000 * seconds}
    assert path.read_bytes() == whole


def test_a_file_without_a_whole_header_is_an_empty_recording(tmp_path: Path) -> None:
    files, call_id = files_in(tmp_path), new_id()
    files.begin(call_id).close()
    os.truncate(path_of(tmp_path, call_id), 10)
    assert files_in(tmp_path).durations() == {call_id: 0}
    assert length_ms(path_of(tmp_path, call_id)) == 0


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    files_in(tmp_path).begin(new_id()).close()
    names = (
        "notes.txt",
        "x.wav",
        "0193A5F0-0000-7000-8000-00000000ABCD.wav",
        f"{new_id()}.wav.part",
    )
    for name in names:
        (tmp_path / "recordings" / name).write_bytes(b"mine")
    assert len(files_in(tmp_path, 1).durations()) == 1
    files = files_in(tmp_path, 1)
    files.durations()
    with pytest.raises(RecordingRefused):
        files.make_room(2)
    for name in names:
        assert (tmp_path / "recordings" / name).read_bytes() == b"mine"


def test_a_recording_under_way_says_so(tmp_path: Path) -> None:
    files, call_id = files_in(tmp_path), new_id()
    file = files.begin(call_id)
    file.append(SECOND)
    for complete in (False, True):
        found = find_recording(tmp_path, call_id)
        assert found is not None
        with found:
            assert (found.complete, found.size) == (complete, len(SECOND))
        if not complete:
            file.close()
    assert find_recording(tmp_path, new_id()) is None
    assert find_recording(tmp_path / "nowhere", call_id) is None


def test_a_recording_that_wav_cannot_hold_ends(tmp_path: Path) -> None:
    file = files_in(tmp_path).begin(new_id())
    file._size = MAX_PCM_BYTES - 3
    with pytest.raises(RecordingRefused) as refused:
        file.append(bytes(4))
    assert refused.value.failure is RecordingFailure.TOO_LONG
    file._size = 0
    file.close()


class Learned:
    """What the writer's listener learned."""

    def __init__(self) -> None:
        self.removed: list[UUID] = []

    def on_survey(self, durations: dict[UUID, int]) -> None:
        self.surveyed = durations

    def on_removed(self, call_id: UUID) -> None:
        self.removed.append(call_id)


async def test_the_writer_removes_recordings_for_those_who_wait(tmp_path: Path) -> None:
    files, learned = files_in(tmp_path), Learned()
    there, gone, stuck = sorted(new_id() for _ in range(3))
    for call_id in (there, stuck):
        files.begin(call_id).close()
    path_of(tmp_path, stuck).unlink()
    path_of(tmp_path, stuck).mkdir()
    writer = RecordingWriter(files, lambda *_: pytest.fail("there is nothing to resample"))
    writer.start(learned)
    await writer.remove([there, gone])
    assert learned.removed == [there]
    assert not path_of(tmp_path, there).exists()
    with pytest.raises(RecordingRefused):
        await writer.remove([stuck])
    await writer.close(5)
    assert learned.removed == [there]
