"""The actions on calls (events socket, 5.3; contract, 4)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import UNSET

from ringline.domain.audit import AuditEntry, Target
from ringline.domain.call import Moment
from ringline.domain.call_vocabulary import CallDirection, CallStatus, ParticipantRole
from ringline.domain.external_call import Report, check_end, check_stay
from ringline.ports import Transaction
from ringline.rpc.context import ActionContext, Values
from ringline.rpc.refusals import translated
from ringline.services import external_calls
from ringline.services.call_control import BargeMode, CallControl
from ringline.services.external_calls import NewExternalCall, NewParticipant
from ringline.services.found_calls import FoundCall
from ringline.services.operators import check_own_sip_users
from ringline.wire.call_status import RPC_STATUS
from ringline.wire.times import micros


async def create_call(context: ActionContext, transaction: Transaction, values: Values) -> UUID:
    """Register an external call."""
    new = NewExternalCall(
        direction=CallDirection(values["direction"]),
        from_number=values["fromNumber"],
        to_number=values["toNumber"],
        source=values.get("callSource") or "api",
        status=_new_status(values),
        started_at=values.get("startedAt") or context.now,
        uuid=values.get("callUuid"),
        sip_username=values.get("sipUsername"),
        conversation_id=values.get("conversationId"),
        queue_id=values.get("queueId"),
    )
    with translated("invalid_attribute"):
        return await external_calls.create_call(transaction, new, moment=moment_of(context))


def check_new_call(_: ActionContext, values: Values) -> None:
    """Check that a call names a queue only if it waits there."""
    with translated("invalid_attribute"):
        external_calls.check_queue(_new_status(values), values.get("queueId"))


def _new_status(values: Values) -> CallStatus:
    return CallStatus(values.get("status") or CallStatus.INITIATED)


async def update_call(
    context: ActionContext, transaction: Transaction, call_id: UUID, values: Values
) -> None:
    """Apply a report about an external call."""
    status = values.get("status")
    report = Report(
        status=None if status is None else CallStatus(status),
        ended_at=values.get("endedAt", UNSET),
        duration_seconds=values.get("durationSeconds", UNSET),
        source=values.get("callSource"),
    )
    with translated("invalid_attribute"):
        await external_calls.update_call(
            transaction, call_id, report=report, moment=moment_of(context)
        )


def check_report(_: ActionContext, values: Values) -> None:
    """Check that an end time comes only with a final state, if with any."""
    if values.get("status") is not None:
        with translated():
            check_end(CallStatus(values["status"]), values.get("endedAt"))


def check_participant(_: ActionContext, values: Values) -> None:
    """Check that a participant did not leave before they joined."""
    with translated():
        check_stay(values.get("joinedAt"), values.get("leftAt"))


async def create_call_participant(
    context: ActionContext, transaction: Transaction, values: Values
) -> UUID:
    """Apply the report that somebody joined an external call."""
    new = NewParticipant(
        call_id=values["callId"],
        member=values["memberUuid"],
        role=ParticipantRole(values["role"]),
        joined_at=values.get("joinedAt"),
        left_at=values.get("leftAt"),
    )
    with translated("invalid_attribute"):
        return await external_calls.create_participant(transaction, new, moment=moment_of(context))


async def update_call_participant(
    context: ActionContext, transaction: Transaction, participant_id: UUID, values: Values
) -> None:
    """Apply the report that somebody left an external call."""
    left_at: datetime | None = values.get("leftAt")
    if left_at is None:
        return
    with translated("invalid_attribute"):
        await external_calls.end_participation(
            transaction, participant_id, left_at=left_at, moment=moment_of(context)
        )


async def end_call(context: ActionContext, values: Values) -> object:
    """End a call, ours or external; return an ended one as it ended."""
    with translated():
        call = await _call_control(context, "end_call").end(values["callUuid"], moment_of(context))
    return {
        "call_uuid": call.uuid,
        "status": RPC_STATUS[call.status],
        "ended_at": None if call.ended_at is None else micros(call.ended_at),
    }


async def barge_call(context: ActionContext, values: Values) -> object:
    """Let an operator take a live call over."""
    mode = BargeMode(values.get("mode") or BargeMode.BARGE)
    names = [values[name] for name in ("sipUsername", "agentName") if values.get(name)]
    await check_own_names(context, names)
    user_id = context.caller.user_id
    named = names[0] if names else None if user_id is None else str(user_id)
    with translated():
        call = await _call_control(context, "barge_call").barge(
            values["callUuid"], mode, member=named or "operator", role=ParticipantRole.OPERATOR
        )
    return {"call_uuid": call.uuid, "status": "barged"}


async def resume_ai_call(context: ActionContext, values: Values) -> object:
    """Hand a live call back to its agent."""
    with translated():
        call = await _call_control(context, "resume_ai_call").resume(values["callUuid"])
    return {"call_uuid": call.uuid, "status": "ai_resumed"}


async def call_codec(context: ActionContext, values: Values) -> object:
    """Return a call's codecs: none, because there is no telephony yet."""
    with translated():
        call = await _call_control(context, "call_codec").find(values["callUuid"])
    return {"call_uuid": call.uuid, "read_codec": None, "write_codec": None}


async def start_outbound_call(context: ActionContext, values: Values) -> object:
    """Place a call, once there is telephony."""
    await check_own_names(context, [values["sipUsername"]] if values.get("sipUsername") else [])
    with translated():
        await _call_control(context, "start_outbound_call").place_call(values.get("aiAgentId"))


async def check_own_names(context: ActionContext, names: Sequence[str]) -> None:
    """Check that an operator uses the name of their own SIP user. Raises RpcRefused."""
    caller = context.caller
    if caller.user_id is None or not names:
        return
    with translated():
        async with context.services.repo.read(caller.scope) as rows:
            await check_own_sip_users(rows, caller, names=names)


def moment_of(context: ActionContext) -> Moment:
    """Return the time and randomness for a step of the domain."""
    return Moment(context.now, context.services.new_id)


def _call_control(context: ActionContext, action: str) -> CallControl:
    services, scope, auditor = context.services, context.caller.scope, context.auditor

    def deed(call: FoundCall) -> AuditEntry | None:
        return auditor.entry(
            action,
            Target("Call", call.id, call.uuid),
            environment=scope.environment,
            call_uuid=call.uuid,
        )

    return CallControl(services.repo, services.calls, scope, deed)
