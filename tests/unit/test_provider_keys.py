"""Whose key opens a provider's voice, and how long an answer to that is kept."""

import asyncio
import secrets
from collections.abc import Callable, Sequence

import pytest
import structlog

from ringline.domain.log import Environment, Scope
from ringline.domain.providers import ProviderKey, SealedKey, VoiceProvider, provider_of
from ringline.ports import StoreUnavailable
from ringline.services.provider_keys import MAX_CACHED, ProviderKeys
from ringline.services.sealer import Sealer
from tests.samples import a_scope

OPENAI, XAI, GEMINI = VoiceProvider.OPENAI, VoiceProvider.XAI, VoiceProvider.GEMINI
OURS, THEIRS = a_scope(1), a_scope(2)
OF_SERVER = {OPENAI: ProviderKey("the server's"), XAI: ProviderKey("the server's too")}


class Store:
    """A store whose keys can change, whose database can be down, and that can be slow."""

    def __init__(self) -> None:
        self.keys: dict[Scope, list[SealedKey]] = {}
        self.lookups = 0
        self.away = False
        self.slow: asyncio.Event | None = None
        self.changed: Callable[[Scope | None], None] | None = None

    async def find_provider_keys(self, scope: Scope) -> Sequence[SealedKey]:
        self.lookups += 1
        if self.away:
            raise StoreUnavailable
        found = list(self.keys.get(scope, []))
        if self.slow is not None:
            await self.slow.wait()
        return found

    async def watch_provider_keys(self, changed: Callable[[Scope | None], None]) -> None:
        self.changed = changed
        changed(None)
        await asyncio.Event().wait()

    def tell(self, scope: Scope | None) -> None:
        assert self.changed is not None
        self.changed(scope)


class Desk:
    """The service over such a store."""

    def __init__(self) -> None:
        self.store = Store()
        self.sealer = Sealer("a key of the tests", secrets.token_bytes)
        self.service = ProviderKeys(self.store, self.sealer.open_sealed, of_server=OF_SERVER)
        self.watching = asyncio.create_task(self.service.run())

    def put(self, scope: Scope, provider: VoiceProvider, text: str) -> None:
        key = SealedKey(provider, self.sealer.seal(text), text[-4:])
        others = [one for one in self.store.keys.get(scope, []) if one.provider is not provider]
        self.store.keys[scope] = [*others, key]

    async def text(self, scope: Scope | None, provider: VoiceProvider) -> str | None:
        key = await self.service.find(scope, provider)
        return None if key is None else key.text


@pytest.fixture
async def desk() -> Desk:
    desk = Desk()
    await asyncio.sleep(0)
    return desk


async def test_the_workspaces_own_key_comes_first_then_the_servers(desk: Desk) -> None:
    desk.put(OURS, OPENAI, "our own key")
    desk.put(OURS, GEMINI, "another of ours")
    assert await desk.service.find(OURS, OPENAI) == ProviderKey("our own key", " key")
    assert await desk.text(OURS, XAI) == "the server's too"
    assert await desk.service.usable(OURS) == {OPENAI, XAI, GEMINI}
    assert await desk.text(THEIRS, OPENAI) == "the server's"
    assert await desk.text(THEIRS, GEMINI) is None
    assert await desk.service.usable(THEIRS) == {OPENAI, XAI}


async def test_a_key_is_of_one_environment(desk: Desk) -> None:
    live, test = a_scope(1, Environment.LIVE), a_scope(1, Environment.TEST)
    desk.put(live, GEMINI, "the live one")
    assert await desk.text(live, GEMINI) == "the live one"
    assert await desk.text(test, GEMINI) is None


async def test_without_a_workspace_there_are_the_servers_keys(desk: Desk) -> None:
    desk.store.away = True
    assert await desk.service.usable(None) == {OPENAI, XAI}
    assert await desk.text(None, OPENAI) == "the server's"
    assert await desk.text(None, GEMINI) is None
    assert desk.store.lookups == 0


async def test_keys_are_read_once_until_they_change(desk: Desk) -> None:
    desk.put(OURS, OPENAI, "the first")
    for _ in range(3):
        assert await desk.text(OURS, OPENAI) == "the first"
        await desk.service.usable(THEIRS)
    assert desk.store.lookups == 2
    desk.put(OURS, OPENAI, "the second")
    desk.store.tell(OURS)
    assert await desk.text(OURS, OPENAI) == "the second"
    await desk.service.usable(THEIRS)
    assert desk.store.lookups == 3, "nobody else's keys changed"
    desk.store.keys.clear()
    desk.store.tell(None)
    assert await desk.text(OURS, OPENAI) == "the server's"
    await desk.service.usable(THEIRS)
    assert desk.store.lookups == 5, "notifications may have been missed"


async def test_what_was_read_before_a_change_is_not_kept(desk: Desk) -> None:
    desk.put(OURS, OPENAI, "the first")
    desk.store.slow = asyncio.Event()
    reading = asyncio.create_task(desk.text(OURS, OPENAI))
    await asyncio.sleep(0)
    desk.put(OURS, OPENAI, "the second")
    desk.store.tell(OURS)
    desk.store.slow.set()
    assert await reading == "the first"
    assert await desk.text(OURS, OPENAI) == "the second"


async def test_whoever_changes_keys_here_need_not_wait_for_the_database(desk: Desk) -> None:
    desk.put(OURS, OPENAI, "the first")
    assert await desk.text(OURS, OPENAI) == "the first"
    desk.put(OURS, OPENAI, "the second")
    desk.service.changed(OURS)
    assert await desk.text(OURS, OPENAI) == "the second"


async def test_a_failed_lookup_is_not_kept(desk: Desk) -> None:
    desk.put(OURS, OPENAI, "our own key")
    desk.store.away = True
    for ask in (desk.service.find(OURS, OPENAI), desk.service.usable(OURS)):
        with pytest.raises(StoreUnavailable):
            await ask
    desk.store.away = False
    assert await desk.text(OURS, OPENAI) == "our own key"
    desk.store.away = True
    assert await desk.text(OURS, OPENAI) == "our own key", "what is cached needs no database"


async def test_the_cache_is_bounded(desk: Desk) -> None:
    scopes = [a_scope(number) for number in range(1, MAX_CACHED + 2)]
    for scope in scopes:
        await desk.service.usable(scope)
    before = desk.store.lookups
    await desk.service.usable(scopes[-1])
    assert desk.store.lookups == before
    await desk.service.usable(scopes[0])
    assert desk.store.lookups == before + 1, "the oldest was evicted"


async def test_a_key_that_cannot_be_decrypted_is_not_replaced_by_the_servers(desk: Desk) -> None:
    other = Sealer("another key", secrets.token_bytes)
    desk.store.keys[OURS] = [SealedKey(OPENAI, other.seal("unreadable"), "able")]
    desk.put(OURS, GEMINI, "a readable one")
    with structlog.testing.capture_logs() as log:
        assert await desk.text(OURS, OPENAI) is None
        assert await desk.service.usable(OURS) == {XAI, GEMINI}
    (line,) = log
    assert (line["event"], line["provider"]) == ("provider_key_unreadable", "openai")
    assert line["workspace_id"] == str(OURS.workspace_id)
    assert await desk.text(THEIRS, OPENAI) == "the server's"


def test_a_key_is_not_shown_by_accident() -> None:
    key, sealed = ProviderKey("sk-secret", "cret"), SealedKey(OPENAI, b"sk-secret", "cret")
    assert "sk-secret" not in f"{key!r} {sealed!r} {[key]} {sealed}"


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("openai/gpt-realtime-2", OPENAI),
        ("xai/grok-voice-latest", XAI),
        ("gemini/", GEMINI),
        ("openai", None),
        ("OpenAI/x", None),
        ("cascade/openai", None),
        ("local/attendant", None),
        ("", None),
    ],
)
def test_the_provider_is_told_by_the_models_id(model: str, provider: VoiceProvider | None) -> None:
    assert provider_of(model) is provider
