"""Who heard which recording: an entry of the audit log before the first byte leaves.

A player asks for one recording in many parts, so a sign-in's further requests for it are known
here and not recorded again.
"""

from collections import OrderedDict
from uuid import UUID

from ringline.domain import console_limits
from ringline.domain.audit import Origin, Target
from ringline.domain.credentials import Key, Person
from ringline.ports import Clock, NewId, Transaction
from ringline.services.audit import Auditor, member, record
from ringline.services.found_calls import find_call
from ringline.services.repo import Repo


class Hearings:
    """Records that people hear recordings."""

    def __init__(self, repo: Repo, now: Clock, *, new_id: NewId) -> None:
        self._repo = repo
        self._now = now
        self._new_id = new_id
        #: Sign-ins and calls; the latest is last.
        self._known: OrderedDict[tuple[UUID, UUID], None] = OrderedDict()

    async def record(self, key: Key, person: Person, *, call_id: UUID, origin: Origin) -> None:
        """Record that a person hears a call's recording. Raises Unavailable."""
        heard = person.sign_in_id, call_id
        if heard in self._known:
            self._known.move_to_end(heard)
            return

        async def work(transaction: Transaction) -> None:
            who = member(person.id, person.shown_name)
            call = await find_call(transaction, call_id)
            name = "" if call is None else call.uuid
            entry = Auditor(who, self._now(), self._new_id, origin).entry(
                "hear_recording",
                Target("Call", call_id, name),
                environment=key.scope.environment,
                call_uuid=name or None,
            )
            await record(transaction, entry)

        await self._repo.write(key.scope, work)
        self._known[heard] = None
        if len(self._known) > console_limits.HEARD.most:
            self._known.popitem(last=False)
