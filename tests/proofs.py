"""What is proved of each voice, and by which test; `docs/reference/proved.md` shows it.

Offline: by fakes that judge every frame with types or clients of the vendors. The rest is what
only a provider itself can tell, with the test of the live suite that asks it.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.pages import ROOT
from tests.reference_rows import row


@dataclass(frozen=True)
class Proof:
    """Something that is proved of an adapter: by what, and in which test (`file::name`)."""

    of: str
    what: str
    by: str
    test: str


OPENAI, OPENAI_LIVE = "`openai/gpt-realtime-*`", "`openai/gpt-live-*`"
XAI, GEMINI, CASCADE = "`xai/*`", "`gemini/*`", "`cascade/*`"
LOCAL, MOCK, BYOM = "`local/attendant`", "`mock/*`", "`byom/*`"

#: The beginnings of the models' names, and the adapter that a row of either table is of.
ADAPTERS = {
    "openai/gpt-realtime-": OPENAI,
    "openai/gpt-live-": OPENAI_LIVE,
    "xai/": XAI,
    "gemini/": GEMINI,
    "cascade/": CASCADE,
    "local/": LOCAL,
    "byom/": BYOM,
    "mock/": MOCK,
}

#: Adapters with nobody behind them whom only a key reaches.
WITHOUT_PROVIDER = (LOCAL, MOCK, BYOM)

_PROVIDERS = "tests/app/test_provider_voices.py"
_FAILURES = "tests/app/test_upstream_failures.py"
_GEMINI = "tests/app/test_gemini_voices.py"
_ENDPOINTS = "tests/app/test_cascade_endpoints.py"
_OPENAI_TYPES = "the classes of OpenAI's package `openai`, read strictly and searched for extras"
_PAGE = "tests/e2e/test_any_provider.py::test_the_page_talks_with_every_provider"
_CHROMIUM = "headless Chromium on the unmodified talk page"
_CLIENTS = "OpenAI's client and agents framework, `openai` and `openai-agents`"
_DOOR = "tests/contract/door/test_openai_client.py::test_a_message_and_a_spoken_turn_are_answered"
_PORT = "tests/contract/voices/test_voice_port.py::test_a_spoken_turn_is_reported_in_order"
_SUITE = "one suite for every voice"

OFFLINE = (
    Proof(
        OPENAI,
        "every frame is legal, both ways",
        _OPENAI_TYPES,
        "tests/app/test_fake_openai.py::test_an_illegal_frame_is_found",
    ),
    Proof(
        OPENAI,
        "the fake behaves as the service: turns, tools, refusals",
        "OpenAI's client, `openai`",
        "tests/app/test_fake_openai.py::test_a_tool_is_called_and_its_result_taken",
    ),
    Proof(
        OPENAI,
        "the fake behaves as the service: tool calls by themselves",
        "OpenAI's agents framework, `openai-agents`",
        "tests/e2e/test_openai_agents.py::test_the_runner_calls_a_tool_and_its_result_is_answered",
    ),
    Proof(
        OPENAI,
        "the fake behaves as the service: interruptions",
        "OpenAI's agents framework, `openai-agents`",
        "tests/e2e/test_openai_agents.py"
        "::test_speech_interrupts_the_runner_s_answer_and_is_answered",
    ),
    Proof(
        OPENAI,
        "speech, text, interruption, tools, images and updates through a session",
        "the fake",
        f"{_PROVIDERS}::test_speaking_over_an_answer_cuts_it_to_what_was_played",
    ),
    Proof(
        OPENAI,
        "whatever comes is read, or unreadable",
        "hypothesis",
        "tests/unit/test_openai_realtime.py::test_whatever_bytes_come_are_read_or_unreadable",
    ),
    Proof(
        OPENAI,
        "each way of failing has its cause",
        "the fake",
        f"{_FAILURES}::test_a_connection_that_ends",
    ),
    Proof(OPENAI, "the rules of a voice", _SUITE, _PORT),
    Proof(OPENAI, "an app with OpenAI's clients talks", _CLIENTS, _DOOR),
    Proof(OPENAI, "a browser talks", _CHROMIUM, _PAGE),
    Proof(
        OPENAI_LIVE,
        "every frame is legal, both ways",
        _OPENAI_TYPES,
        "tests/unit/test_openai_live.py::test_results_and_ends_are_legal",
    ),
    Proof(
        OPENAI_LIVE,
        "the fake behaves as the service",
        "OpenAI's client, `openai`",
        "tests/app/test_fake_openai_live.py::test_functions_are_called_and_answered_together",
    ),
    Proof(
        OPENAI_LIVE,
        "speech, text, interruption and tools through a session",
        "the fake",
        "tests/app/test_openai_live_voices.py::test_tools_are_called_and_their_results_answered_once",
    ),
    Proof(
        OPENAI_LIVE,
        "whatever comes is read, or unreadable",
        "hypothesis",
        "tests/unit/test_openai_live_events.py::test_any_bytes_are_read_or_refused",
    ),
    Proof(
        OPENAI_LIVE,
        "each way of failing has its cause",
        "the fake",
        "tests/app/test_openai_live_failures.py::test_a_session_that_ends",
    ),
    Proof(
        OPENAI_LIVE,
        "whatever the service does, a conversation keeps its rules",
        "random conversations",
        "tests/unit/test_openai_live_at_random.py::test_a_conversation_at_random",
    ),
    Proof(OPENAI_LIVE, "the rules of a voice", _SUITE, _PORT),
    Proof(OPENAI_LIVE, "an app with OpenAI's clients talks", _CLIENTS, _DOOR),
    Proof(
        OPENAI_LIVE,
        "a browser talks",
        _CHROMIUM,
        "tests/e2e/test_any_provider.py::test_the_page_talks_with_gpt_live",
    ),
    Proof(
        XAI,
        "every frame is legal, both ways",
        "the types of pipecat (`pipecat-ai`), as xAI publishes none",
        "tests/unit/test_openai_realtime.py::test_every_frame_is_legal",
    ),
    Proof(
        XAI,
        "speech, text, interruption and tools through a session",
        "the fake",
        f"{_PROVIDERS}::test_a_spoken_turn_is_heard_and_answered_once",
    ),
    Proof(
        XAI,
        "its own answers are claimed, or stopped",
        "the fake",
        f"{_PROVIDERS}::test_an_operator_silences_a_provider_that_answers_by_itself",
    ),
    Proof(XAI, "the rules of a voice", _SUITE, _PORT),
    Proof(XAI, "an app with OpenAI's clients talks", _CLIENTS, _DOOR),
    Proof(XAI, "a browser talks", _CHROMIUM, _PAGE),
    Proof(
        GEMINI,
        "every message is legal, both ways",
        "the types of Google's package `google-genai`",
        "tests/unit/test_gemini_live.py::test_a_setup_is_the_vendors",
    ),
    Proof(
        GEMINI,
        "the fake behaves as the service",
        "the live client of Google's package `google-genai`",
        "tests/e2e/test_google_genai.py::test_a_function_is_called_and_its_result_told",
    ),
    Proof(
        GEMINI,
        "speech, text, interruption, tools and images through a session",
        "the fake",
        f"{_GEMINI}::test_tools_are_called_and_their_results_answered_once",
    ),
    Proof(
        GEMINI,
        "whatever comes is read, or unreadable",
        "hypothesis",
        "tests/unit/test_gemini_reports.py::test_any_bytes_are_read_or_refused",
    ),
    Proof(
        GEMINI,
        "each way of failing has its cause",
        "the fake",
        "tests/app/test_gemini_failures.py::test_a_connection_that_ends",
    ),
    Proof(GEMINI, "the rules of a voice", _SUITE, _PORT),
    Proof(GEMINI, "an app with OpenAI's clients talks", _CLIENTS, _DOOR),
    Proof(GEMINI, "a browser talks", _CHROMIUM, _PAGE),
    Proof(
        CASCADE,
        "every request is legal",
        f"{_OPENAI_TYPES}, on FastAPI and uvicorn",
        f"{_ENDPOINTS}::test_what_the_vendors_types_do_not_allow_is_noticed",
    ),
    Proof(
        CASCADE,
        "the fake endpoints answer as such servers do",
        "OpenAI's client, `openai`",
        f"{_ENDPOINTS}::test_the_vendors_client_reads_the_calls",
    ),
    Proof(
        CASCADE,
        "speech, text, interruption, tools and images through a session",
        "the fake endpoints",
        "tests/app/test_cascade_session.py::test_tools_and_pictures",
    ),
    Proof(
        CASCADE,
        "whatever endpoints do, a conversation keeps its rules",
        "random conversations",
        "tests/app/test_cascade_at_random.py::test_a_conversation_at_random",
    ),
    Proof(CASCADE, "the rules of a voice", _SUITE, _PORT),
    Proof(CASCADE, "an app with OpenAI's clients talks", _CLIENTS, _DOOR),
    Proof(CASCADE, "a browser talks", _CHROMIUM, _PAGE),
    Proof(
        LOCAL,
        "it understands the demo call, with each detector",
        "the models themselves, which run here",
        "tests/app/test_attendant.py::test_the_demo_call_is_understood",
    ),
    Proof(LOCAL, "the rules of a voice", _SUITE, _PORT),
    Proof(LOCAL, "an app with OpenAI's clients talks", _CLIENTS, _DOOR),
    Proof(
        BYOM,
        "a spoken turn is heard, asked and answered aloud, with local parts and with endpoints",
        "a webhook, and the fake endpoints",
        "tests/app/test_byom.py::test_a_spoken_turn_is_heard_asked_and_answered_aloud",
    ),
    Proof(
        BYOM,
        "a receiver of 30 lines is the brain of a spoken call, in Python and in Node",
        "the page's receivers, and the recogniser, which hears what the agent says",
        "tests/e2e/test_bring_your_own_model.py"
        "::test_a_receiver_of_30_lines_is_the_brain_of_a_spoken_call",
    ),
    Proof(
        BYOM,
        "a receiver that is killed in mid-answer costs one answer",
        "a process, and SIGKILL",
        "tests/faults/test_turn_receivers.py"
        "::test_a_receiver_that_is_killed_while_it_answers_costs_one_answer",
    ),
    Proof(
        BYOM,
        "failures are counted in a row, whatever else happens",
        "random conversations",
        "tests/unit/test_agent_brain.py::test_failures_are_counted_in_a_row",
    ),
    Proof(BYOM, "the rules of a voice", _SUITE, _PORT),
    Proof(
        MOCK,
        "they do what the page says, to the sample",
        "the page, session by session",
        "tests/app/test_test_your_app_page.py::test_a_session_goes_as_the_page_says",
    ),
    Proof(MOCK, "the rules of a voice", _SUITE, _PORT),
    Proof(MOCK, "an app with OpenAI's clients talks", _CLIENTS, _DOOR),
)

_LIVE = "tests/live/live_voices.py"
_WITH_A_KEY = (
    ("the config is taken as it is sent", "test_a_config_is_confirmed"),
    ("every model of the catalogue exists", "test_every_model_of_the_catalogue_exists"),
    ("a typed text is answered aloud", "test_a_typed_text_is_answered_aloud"),
    ("speech is detected, transcribed, answered", "test_a_spoken_turn_is_heard_and_answered"),
    ("the model calls a tool and uses its result", "test_a_tool_is_called_and_its_result_answered"),
    ("a response stops", "test_a_response_is_cancelled_and_the_next_one_is_not"),
    ("a caller interrupts and is answered", "test_a_caller_interrupts_and_is_answered"),
    ("usage comes in the units that are billed", "test_what_was_used_is_counted_in_its_units"),
)
_CHANGES = (
    "new instructions are followed in the session",
    "test_instructions_change_while_the_session_runs",
)

LIVE = tuple(
    Proof(adapter, what, "the provider", f"{_LIVE}::{name}")
    for adapter, tests in (
        (OPENAI, (*_WITH_A_KEY, _CHANGES)),
        (OPENAI_LIVE, _WITH_A_KEY),
        (XAI, (*_WITH_A_KEY, _CHANGES)),
        (GEMINI, _WITH_A_KEY),
        (CASCADE, (*_WITH_A_KEY, _CHANGES)),
    )
    for what, name in tests
)


def missing(proofs: Sequence[Proof]) -> list[str]:
    """Return the tests that proofs name and that do not exist."""
    return sorted({proof.test for proof in proofs if not _exists(proof.test)})


def _exists(test: str) -> bool:
    path, _, name = test.partition("::")
    if not (ROOT / path).is_file():
        return False
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return name in {node.name for node in tree.body if isinstance(node, kinds)}


def offline_rows() -> Iterator[str]:
    for proof in OFFLINE:
        yield row(proof.of, proof.what, proof.by, _link(proof.test))


def live_rows() -> Iterator[str]:
    by_test: dict[str, list[Proof]] = {}
    for proof in LIVE:
        by_test.setdefault(proof.test, []).append(proof)
    for test, proofs in by_test.items():
        yield row(proofs[0].what, ", ".join(proof.of for proof in proofs), _link(test))


def _link(test: str) -> str:
    path, _, name = test.partition("::")
    return f"[`{name}`](../../{path})"
