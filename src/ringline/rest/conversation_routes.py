"""The rows of the routes of conversations (live streams, 6.5)."""

from dataclasses import replace

from ringline.domain.conversations import AiMode
from ringline.domain.ids import Prefix
from ringline.domain.members import Member, Shape
from ringline.rest import conversation_actions as act
from ringline.rest import conversation_members as shown
from ringline.rest.message_inputs import CHANNELS
from ringline.rest.message_members import IN_THREAD
from ringline.rest.route import Input, Paging, PathId, Route
from ringline.rpc.kinds import Choice, Id, Timestamp

_TAG = "Conversations"
_CONVERSATIONS = "/v1/conversations"
_CONVERSATION = f"{_CONVERSATIONS}/{{conversation_id}}"

_CONVERSATION_ID = PathId("conversation_id", Prefix.CONVERSATION, "the conversation's id")
_MODES = tuple(AiMode)
#: Both routes of one conversation show its messages, and take each other's tokens.
_MESSAGES = Paging(
    "messages",
    (Timestamp(), Id(Prefix.MESSAGE)),
    beside=shown.WHOLE,
    tokens="getConversation",
)

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        _CONVERSATIONS,
        "listConversations",
        _TAG,
        "List conversations",
        act.list_conversations,
        "A page of conversations",
        "A conversation is the thread of an agent and a contact on one channel. RPC's "
        "`list_conversations` shows them too, among the conversations without messages.",
        query=(
            Input(
                Member("agent_id", Shape.TEXT, "only those of this agent", "none"),
                Id(Prefix.AGENT),
            ),
            Input(Member("channel", Shape.TEXT, "only those", "none", CHANNELS), Choice(CHANNELS)),
        ),
        answers=shown.CONVERSATION,
        paging=Paging("conversations", (Timestamp(), Id(Prefix.CONVERSATION))),
    ),
    Route(
        "GET",
        _CONVERSATION,
        "getConversation",
        _TAG,
        "Get a conversation with its messages",
        act.get_conversation,
        "The conversation, and a page of its messages",
        ids=(_CONVERSATION_ID,),
        answers=IN_THREAD,
        paging=_MESSAGES,
    ),
    Route(
        "PATCH",
        _CONVERSATION,
        "updateConversation",
        _TAG,
        "Hand a conversation over, close it or reopen it",
        act.update_conversation,
        "The conversation, and a page of its messages",
        "In `human` only a person answers, by `POST /v1/messages`. Handed back to `ai`, the "
        "agent answers what the contact has written meanwhile and nobody has answered. A closed "
        "conversation is reopened in `ai` by the contact's next message. Each change is a "
        "`conversation.mode_changed`; the same mode again is none.",
        ids=(_CONVERSATION_ID,),
        body=(
            Input(replace(shown.AI_MODE, default="unchanged"), Choice(_MODES)),
            Input(
                Member(
                    "actor_user_id",
                    Shape.TEXT,
                    "the member of the team who does it, for `conversation.mode_changed`",
                    "null",
                    null=True,
                ),
                Id(Prefix.USER),
            ),
        ),
        answers=IN_THREAD,
        paging=_MESSAGES,
    ),
)
