"""Templates of agents: what a new agent may begin as (live streams, 6.12)."""

from dataclasses import dataclass
from uuid import UUID

from ringline.domain.agent import BuiltinTool, Language


@dataclass(frozen=True, slots=True)
class AgentTemplate:
    """Settings that a new agent takes where its own are left out."""

    id: UUID
    name: str
    greeting: str
    instructions: str
    language: Language = Language.ENGLISH
    builtin_tools: tuple[BuiltinTool, ...] = (BuiltinTool.HANG_UP,)


_ON_THE_PHONE = (
    " You are on the telephone: speak in short sentences, ask one question at a time, and repeat"
    " names, numbers and times back before you rely on them. Never invent what you do not know."
    " Hang up once the caller has said goodbye."
)

#: In the sequence of the list. Ids are for ever: agents keep the one they began as.
TEMPLATES = (
    AgentTemplate(
        UUID("01993d60-0000-7000-8000-000000000001"),
        "Receptionist",
        "Hello, thank you for calling. How can I help you?",
        "You answer the telephone of a company. Find out who is calling and what about. Answer"
        " what you can, pass on callers who need a person, and otherwise take a message: the"
        " name, the number to call back and the matter." + _ON_THE_PHONE,
        builtin_tools=(BuiltinTool.HANG_UP, BuiltinTool.TRANSFER_CALL),
    ),
    AgentTemplate(
        UUID("01993d60-0000-7000-8000-000000000002"),
        "Appointment booking",
        "Hello, would you like to book, move or cancel an appointment?",
        "You keep the appointments of a practice. Ask what the appointment is for, which day and"
        " time suits, and the caller's name and number. Offer two free times at most. Confirm the"
        " day, the date and the time in one sentence before you book." + _ON_THE_PHONE,
    ),
    AgentTemplate(
        UUID("01993d60-0000-7000-8000-000000000003"),
        "Order status",
        "Hello, do you have your order number at hand?",
        "You tell customers of a shop how their orders stand. Ask for the order number and for"
        " the name or postcode that it was ordered under, and look the order up. Say where it is"
        " and when it is expected. Pass on complaints and changes to a person." + _ON_THE_PHONE,
        builtin_tools=(BuiltinTool.HANG_UP, BuiltinTool.TRANSFER_CALL),
    ),
    AgentTemplate(
        UUID("01993d60-0000-7000-8000-000000000004"),
        "Survey",
        "Hello, do you have two minutes for a few questions about your last visit?",
        "You ask customers about their last visit. If they have no time, thank them and hang up."
        " Ask three questions: how satisfied they were, from one to five; what was good; what"
        " should be better. Do not argue with an answer, and do not sell anything." + _ON_THE_PHONE,
    ),
)


def find_template(template_id: UUID) -> AgentTemplate | None:
    """Return the template with an id."""
    return next((template for template in TEMPLATES if template.id == template_id), None)
