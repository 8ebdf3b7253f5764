"""What OpenAI's client is told a session has used is what the ledger has of it, to the token."""

import asyncio
from collections import Counter
from typing import Any

from tests.contract.door.rows import Talker, Trait, needs
from tests.contract.door.test_openai_client import CLOCK, Caller, calling, item
from tests.rpc_calls import Rpc

WAIT_S = 20.0
UNITS = (
    "audioInTokens",
    "audioCachedTokens",
    "audioOutTokens",
    "textInTokens",
    "textCachedTokens",
    "textOutTokens",
)


def told(caller: Caller) -> Counter[str]:
    """Return the units of all responses, as the protocol nests them."""
    units: Counter[str] = Counter()
    for event in caller.of("response.done"):
        if (used := event.response.usage) is None:
            continue
        into, out = used.input_token_details, used.output_token_details
        cached = into.cached_tokens_details
        units["audioInTokens"] += into.audio_tokens - cached.audio_tokens
        units["audioCachedTokens"] += cached.audio_tokens
        units["audioOutTokens"] += out.audio_tokens
        units["textInTokens"] += into.text_tokens - cached.text_tokens
        units["textCachedTokens"] += cached.text_tokens
        units["textOutTokens"] += out.text_tokens
        assert used.total_tokens == used.input_tokens + used.output_tokens
    return +units


async def ledger(talker: Talker) -> Counter[str]:
    """Return the units of the ledger's rows about responses."""
    rpc = Rpc(talker.service, talker.secret_key)
    rows: list[dict[str, Any]] = await rpc.run("list_usage", fields=["kind", *UNITS])
    units: Counter[str] = Counter()
    for row in rows:
        if row["kind"] == "response":
            units.update({unit: row[unit] for unit in UNITS})
    return +units


@needs(Trait.TOOLS, Trait.TOKENS)
async def test_the_responses_together_have_used_what_the_ledger_has(talker: Talker) -> None:
    async with calling(talker, tools=[CLOCK]) as caller:
        await caller.say(talker.text)
        await caller.answer()
        await caller.say(talker.tool)
        called = await caller.until("response.function_call_arguments.done")
        await caller.answer()
        output = {"type": "function_call_output", "call_id": called.call_id, "output": "noon"}
        await caller.connection.conversation.item.create(item=item(output))
        await caller.connection.response.create()
        await caller.answer()
        await caller.say(talker.long)
        await caller.until("response.output_audio.delta")
        await caller.connection.response.cancel()
        await caller.until("response.done")
        await caller.hear(talker.turn)
        await caller.answer()
        async with asyncio.timeout(WAIT_S):
            while await ledger(talker) != told(caller):
                await caller.say(talker.text)  # it may have been told of the last one too late
                await caller.answer()
        assert told(caller).total() > 0
