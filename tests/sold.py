"""What the fake providers say they have sold, in the ledger's kinds and units.

It is read from the frames and answers that they sent, by rules of its own.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from ringline.domain.usage import UNITS
from tests.fake_endpoints import FakeEndpoints
from tests.fake_gemini import FakeGemini
from tests.fake_openai import FakeProvider

#: How much, by kind and unit, without those of which nothing was sold.
Sold: TypeAlias = dict[tuple[str, str], float]

_TRANSCRIBED = "input_audio_transcription.completed"


class _Till:
    def __init__(self) -> None:
        self._sum: Counter[tuple[str, str]] = Counter()

    def add(self, kind: str, **units: float) -> None:
        for unit, count in units.items():
            self._sum[kind, unit] += count  # type: ignore[assignment]

    def sold(self) -> Sold:
        return {key: round(count, 6) for key, count in self._sum.items() if count}


def by_openai(fake: FakeProvider) -> Sold:
    """Return what an OpenAI or xAI has sold; what it told twice counts once."""
    till, seen = _Till(), set[str]()
    for frame in fake.sent:
        if frame["type"] == "response.done" and frame["response"]["id"] not in seen:
            seen.add(frame["response"]["id"])
            usage = frame.get("usage") or frame["response"].get("usage")
            till.add("response", **(_tokens(usage) if usage else {}))
        elif frame["type"].endswith(_TRANSCRIBED) and "usage" in frame:
            if frame["item_id"] not in seen:
                till.add("transcription", seconds=frame["usage"]["seconds"])
            seen.add(frame["item_id"])
    if fake.rules.xai:
        items = (frame["item"] for frame in fake.of("conversation.item.create"))
        till.add("response", text_items=sum(item["type"] == "message" for item in items))
    return till.sold()


def _tokens(usage: Mapping[str, Any]) -> dict[str, int]:
    """Take the nested counts of OpenAI apart (upstreams, 1.8)."""
    into, out = usage["input_token_details"], usage["output_token_details"]
    cached = into.get("cached_tokens_details", {"audio_tokens": 0, "text_tokens": 0})
    return {
        "audio_in_tokens": into["audio_tokens"] - cached["audio_tokens"],
        "audio_cached_tokens": cached["audio_tokens"],
        "text_in_tokens": into["text_tokens"] - cached["text_tokens"],
        "text_cached_tokens": cached["text_tokens"],
        "audio_out_tokens": out["audio_tokens"],
        "text_out_tokens": out["text_tokens"],
    }


def by_gemini(fake: FakeGemini) -> Sold:
    """Return what a Gemini has sold."""
    till = _Till()
    for told in (told for conversation in fake.conversations for told in conversation.sold):
        heard = told["promptTokensDetails"][0]["tokenCount"]
        spoken = told["responseTokensDetails"][0]["tokenCount"]
        till.add("response", audio_in_tokens=heard, audio_out_tokens=spoken)
        till.add("response", text_in_tokens=told["promptTokenCount"] - heard)
        till.add("response", text_out_tokens=told["responseTokenCount"] - spoken)
    return till.sold()


def by_endpoints(fake: FakeEndpoints) -> Sold:
    """Return what a cascade's endpoints have sold."""
    till = _Till()
    for asked in fake.asked:
        for told in asked.sold:
            if asked.stage == "chat":
                cached = told["prompt_tokens_details"]["cached_tokens"]
                till.add("response", text_in_tokens=told["prompt_tokens"] - cached)
                till.add("response", text_cached_tokens=cached)
                till.add("response", text_out_tokens=told["completion_tokens"])
            elif told["type"] == "duration":
                till.add("transcription", seconds=told["seconds"])
            else:
                details = told["input_token_details"]
                till.add("transcription", audio_in_tokens=details["audio_tokens"])
                till.add("transcription", text_in_tokens=details["text_tokens"])
                till.add("transcription", text_out_tokens=told["output_tokens"])
    return till.sold()


def in_ledger(rows: Iterable[Mapping[str, Any]], model: str) -> Sold:
    """Return what rows of the ledger say a model used, but for the time of its connections."""
    till = _Till()
    for row in rows:
        if row["model"] == model and row["kind"] != "session":
            till.add(row["kind"], **{unit: row[unit] for unit in UNITS})
    return till.sold()
