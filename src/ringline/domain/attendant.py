"""`Attendant`, the agent that every workspace starts with, as data.

Its phrases are long and sound different from each other, because the recogniser maps any
speech to the nearest phrase (see the local voice's page). The dialogue needs no memory: a
reply that asks a question is answered by phrases that fit no other question.
"""

from uuid import UUID

from ringline.domain.agent import Agent, LocalSettings, Phrase

GREETING = "Hello, this is Ringline. How can I help you?"

_PHRASES = {
    "opening_hours": (
        "what are your opening hours",
        "what time do you open in the morning",
    ),
    "book_table": (
        "i would like to book a table",
        "i want to reserve a table for tonight",
    ),
    "party_of_two": ("a table for two people please",),
    "party_of_four": ("a table for four people please",),
    "party_of_six": ("a table for six people please",),
    "person": (
        "can i speak to a person",
        "let me talk to someone please",
        "i would like to speak with the manager",
    ),
    "goodbye": (
        "thank you goodbye",
        "that is all thank you goodbye",
    ),
}

_REPLIES = {
    "opening_hours": "We are open every day from nine in the morning until ten at night.",
    "book_table": (
        "I would be happy to book a table for you. We have tables by the window, tables in"
        " the garden, and a quiet room upstairs for larger parties."
        " For how many people should I book?"
    ),
    "party_of_two": "A table for two is reserved for you tonight at eight.",
    "party_of_four": "A table for four is reserved for you tonight at eight.",
    "party_of_six": "A table for six is reserved for you tonight at eight.",
    "person": "One moment please. I will ask a colleague to call you back.",
    "goodbye": "Thank you for calling. Goodbye.",
    "fallback": "I did not get that. You can ask for our opening hours, or book a table.",
}

SETTINGS = LocalSettings(
    phrases=tuple(
        Phrase(text=text, intent=intent) for intent, texts in _PHRASES.items() for text in texts
    ),
    replies=_REPLIES,
)


def attendant(agent_id: UUID) -> Agent:
    """Return the agent of a new workspace."""
    return Agent(
        id=agent_id,
        display_name="Attendant",
        instructions="Answer the telephone of a small restaurant.",
        voice="en-us",
        greeting=GREETING,
        local=SETTINGS,
    )
