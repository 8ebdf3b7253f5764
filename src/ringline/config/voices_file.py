"""The file that `VOICES_FILE` names: cascades, fallbacks, rollovers, models (voices, 2).

A mistake refuses the start. Its sentence names the table and the key, never a value, which
could be a secret at the wrong place.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ringline.config.readings import read_voice_url
from ringline.config.toml_file import Table, load_toml
from ringline.domain.cascade import Cascade, Endpoint
from ringline.domain.rollover import RolloverTimes

#: The setting that names the file.
FILE = "VOICES_FILE"

_STAGES = ("transcription", "chat", "speech")
_MODEL = re.compile(r"[a-z]{1,32}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_PREFIX = re.compile(r"[a-z]{1,32}/[A-Za-z0-9._-]{0,96}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?")

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
            table = Table(f"model.{name}", {}, file=FILE)
            if name in known:
                raise table.refused("the model is known already")
            if like not in known:
                raise table.refused("like is no model that is known")
        every = {*known, *self.models, *(cascade.model for cascade in self.cascades)}
        table = Table("fallback", {}, file=FILE)
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
    document = Table("", load_toml(path, FILE), file=FILE)
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


def _read_cascade(
    table: Table, name: str, *, environ: Mapping[str, str], allow_plain: bool
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


def _read_endpoint(table: Table, environ: Mapping[str, str], *, allow_plain: bool) -> Endpoint:
    try:
        url = read_voice_url(table.text("url"), allow_plain=allow_plain)
    except ValueError as error:
        raise table.refused(f"url is not allowed: {error}") from None
    key = table.secret_or_none("key_env", environ)
    return Endpoint(url, table.text("model"), key)


def _read_fallbacks(table: Table, model: str) -> tuple[str, ...]:
    models = table.texts(model)
    if model in models:
        raise table.refused(f"{model} cannot take over from itself")
    return models


def _read_rollover(table: Table) -> RolloverTimes:
    table.refuse_others("after_seconds", "latest_seconds")
    times = RolloverTimes(table.seconds("after_seconds"), table.seconds("latest_seconds"))
    if times.after_s > times.latest_s:
        raise table.refused("after_seconds must not be above latest_seconds")
    return times


def _read_like(table: Table, model: str) -> str:
    table.refuse_others("like")
    like = table.text("like")
    if like.partition("/")[0] != model.partition("/")[0]:
        raise table.refused("like must be a model of the same provider")
    return like
