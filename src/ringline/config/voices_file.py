"""The file that `VOICES_FILE` names: cascades, fallbacks, rollovers, models (voices, 2).

A mistake refuses the start. Its sentence names the table and the key, never a value, which
could be a secret at the wrong place.
"""

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard, cast

from pydantic import SecretStr

from ringline.config.readings import read_voice_url
from ringline.config.variables import PREFIX, SettingsProblem
from ringline.domain.cascade import Cascade, Endpoint
from ringline.domain.rollover import RolloverTimes

#: Returns something if a name has the form that it must have.
_Fits: TypeAlias = Callable[[str], object]

_STAGES = ("transcription", "chat", "speech")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MODEL = re.compile(r"[a-z]{1,32}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_PREFIX = re.compile(r"[a-z]{1,32}/[A-Za-z0-9._-]{0,96}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?")
_KEY = re.compile(r"[!-~]{1,512}")  # what a header can carry
_PLACE = re.compile(r"\(at (line \d+, column \d+|end of document)\)")
_TEXT_CHARACTERS = 255
_FILE_BYTES = 1024 * 1024
_MOST_SECONDS = 86_400

_A_NAME = (
    "a name has up to 64 letters, digits, dots, dashes and underscores, and begins with a letter "
    "or a digit"
)
_A_MODEL = 'each key must be a model in quotes, such as "openai/gpt-realtime-2.1"'
_A_BEGINNING = 'each key must be the beginning of models in quotes, such as "openai/"'


@dataclass(frozen=True, slots=True)
class VoicesFile:
    """What the file says; empty without one."""

    cascades: tuple[Cascade, ...] = ()
    #: The models that take over from a model, in order.
    fallbacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    #: By prefixes of models.
    rollovers: Mapping[str, RolloverTimes] = field(default_factory=dict[str, RolloverTimes])
    #: Further models of providers, and the known model that each is like.
    models: Mapping[str, str] = field(default_factory=dict[str, str])

    def check_models(self, known: Collection[str]) -> None:
        """Refuse models that do not exist, given those of all providers. Raises SettingsProblem.

        A model whose provider has no key exists all the same.
        """
        for name, like in self.models.items():
            table = _Table(f"model.{name}", {})
            if name in known:
                raise table.refused("the model is known already")
            if like not in known:
                raise table.refused("like is no model that is known")
        every = {*known, *self.models, *(cascade.model for cascade in self.cascades)}
        table = _Table("fallback", {})
        for name, models in self.fallbacks.items():
            if name not in every:
                raise table.refused(f"{name} is no model that is known")
            for number, model in enumerate(models, 1):
                if model not in every:
                    raise table.refused(f"entry {number} of {name} is no model that is known")


def read_voices_file(path: Path, environ: Mapping[str, str], *, allow_plain: bool) -> VoicesFile:
    """Read a file. Raises SettingsProblem.

    `environ` holds the keys that the file names; `allow_plain` lets URLs be `http` beyond
    loopback. Whether the models that it names exist is not checked here.
    """
    document = _Table("", _load(path))
    document.refuse_others("cascade", "fallback", "rollover", "model")
    if not document.names():
        raise document.refused(
            "it has none of the tables [cascade], [fallback], [rollover], [model]"
        )
    cascades = document.table_or_none("cascade")
    fallback = document.table_or_none("fallback")
    rollover = document.table_or_none("rollover")
    model = document.table_or_none("model")
    return VoicesFile(
        tuple(
            _read_cascade(cascades.table(name), name, environ=environ, allow_plain=allow_plain)
            for name in cascades.names()
        ),
        {
            name: _read_fallbacks(fallback, name)
            for name in fallback.names(_MODEL.fullmatch, _A_MODEL)
        },
        {
            name: _read_rollover(rollover.table(name))
            for name in rollover.names(_PREFIX.fullmatch, _A_BEGINNING)
        },
        {
            name: _read_like(model.table(name), name)
            for name in model.names(_MODEL.fullmatch, _A_MODEL)
        },
    )


class _Table:
    """A table of the file, and its path in it."""

    def __init__(self, path: str, members: Mapping[str, object]) -> None:
        self.path = path
        self._members = members

    def refused(self, why: str) -> SettingsProblem:
        where = f"[{self.path}]: " if self.path else ""
        return SettingsProblem(f"{PREFIX}VOICES_FILE is invalid: {where}{why}.")

    def names(self, fits: _Fits = _NAME.fullmatch, says: str = _A_NAME) -> tuple[str, ...]:
        """Return the names in it, each of which must fit."""
        for name in self._members:
            if not fits(name):
                raise self.refused(says)
        return tuple(self._members)

    def refuse_others(self, *known: str) -> None:
        for name in self._members:
            if name not in known:
                shown = f'"{name}"' if _NAME.fullmatch(name) else "one of its keys"
                raise self.refused(f"{shown} is not known; it may have {', '.join(known)}")

    def has(self, name: str) -> bool:
        return name in self._members

    def table(self, name: str) -> "_Table":
        inner = self._members.get(name)
        path = f"{self.path}.{name}".lstrip(".")
        if inner is None:
            raise self.refused(f"the table [{path}] is missing")
        if not isinstance(inner, dict):
            raise self.refused(f"{name} must be a table")
        return _Table(path, cast("dict[str, object]", inner))

    def table_or_none(self, name: str) -> "_Table":
        """Return a table that may be missing, then without members."""
        return self.table(name) if self.has(name) else _Table(name, {})

    def seconds(self, name: str) -> float:
        value = self._members.get(name)
        if value is None:
            raise self.refused(f"{name} is missing")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refused(f"{name} must be a number of seconds")
        if not 0 < value <= _MOST_SECONDS:
            raise self.refused(f"{name} must be above 0, and at most {_MOST_SECONDS:,}")
        return float(value)

    def text(self, name: str) -> str:
        value = self._members.get(name)
        if value is None:
            raise self.refused(f"{name} is missing")
        if not _is_short_text(value):
            raise self.refused(f"{name} must be a text of 1 to {_TEXT_CHARACTERS} characters")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        values = self._members.get(name)
        if values is None:
            raise self.refused(f"{name} is missing")
        texts = (
            [text for text in cast("list[object]", values) if _is_short_text(text)]
            if isinstance(values, list)
            else []
        )
        if not texts or len(texts) != len(cast("list[object]", values)):
            raise self.refused(f"{name} must be a list of one or more texts")
        if len({text.casefold() for text in texts}) < len(texts):
            raise self.refused(f"{name} has an entry twice")
        return tuple(texts)


def _load(path: Path) -> dict[str, Any]:
    problem = f"{PREFIX}VOICES_FILE is invalid: "
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES + 1)
    except OSError as error:
        why = (error.strerror or "unknown error").lower()
        raise SettingsProblem(f"{problem}the file cannot be read: {why}.") from None
    if len(data) > _FILE_BYTES:
        raise SettingsProblem(f"{problem}the file is larger than 1 MiB.")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise SettingsProblem(f"{problem}the file is not UTF-8.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = _PLACE.search(str(error))  # the rest of the text may quote a value
        where = f" ({place[1]})" if place else ""
        raise SettingsProblem(f"{problem}the file is not TOML{where}.") from None


def _read_cascade(
    table: _Table, name: str, *, environ: Mapping[str, str], allow_plain: bool
) -> Cascade:
    table.refuse_others("voices", *_STAGES)
    voices = table.texts("voices")
    endpoints: dict[str, Endpoint] = {}
    language = ""
    for stage in _STAGES:
        inner = table.table(stage)
        more = ("language",) if stage == "transcription" else ()
        inner.refuse_others("url", "model", "key_env", *more)
        endpoints[stage] = _read_endpoint(inner, environ, allow_plain=allow_plain)
        if inner.has("language"):
            language = inner.text("language")
            if not _LANGUAGE.fullmatch(language):
                raise inner.refused('language must be a code such as "en" or "pt-BR"')
    return Cascade(name, voices, language=language, **endpoints)


def _read_endpoint(table: _Table, environ: Mapping[str, str], *, allow_plain: bool) -> Endpoint:
    try:
        url = read_voice_url(table.text("url"), allow_plain=allow_plain)
    except ValueError as error:
        raise table.refused(f"url is not allowed: {error}") from None
    key = None
    if table.has("key_env"):
        text = environ.get(table.text("key_env"), "").strip()
        if not text:
            raise table.refused("key_env must name an environment variable that is set")
        if not _KEY.fullmatch(text):
            raise table.refused(
                "key_env names a variable whose value is no key: up to 512 printable ASCII "
                "characters without spaces"
            )
        key = SecretStr(text)
    return Endpoint(url, table.text("model"), key)


def _read_fallbacks(table: _Table, model: str) -> tuple[str, ...]:
    models = table.texts(model)
    if model in models:
        raise table.refused(f"{model} cannot take over from itself")
    return models


def _read_rollover(table: _Table) -> RolloverTimes:
    table.refuse_others("after_seconds", "latest_seconds")
    times = RolloverTimes(table.seconds("after_seconds"), table.seconds("latest_seconds"))
    if times.after_s > times.latest_s:
        raise table.refused("after_seconds must not be above latest_seconds")
    return times


def _read_like(table: _Table, model: str) -> str:
    table.refuse_others("like")
    like = table.text("like")
    if like.partition("/")[0] != model.partition("/")[0]:
        raise table.refused("like must be a model of the same provider")
    return like


def _is_short_text(value: object) -> TypeGuard[str]:
    return (
        isinstance(value, str)
        and len(value) <= _TEXT_CHARACTERS
        and value.isprintable()
        and bool(value.strip())
    )
