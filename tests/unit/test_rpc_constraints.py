"""What the database refuses, as problems of the request (rpc, "Errors to the letter")."""

import pytest

from ringline.rpc.actions import ACTIONS
from ringline.rpc.constraints import CONSTRAINTS, Constraint, Requirement, refused_problem
from ringline.storage.database_errors import refusal_of


@pytest.mark.parametrize(
    ("action", "constraint", "type_", "field"),
    [
        (
            "create_contact",
            "contacts_workspace_id_environment_phone_e164_key",
            "invalid_attribute",
            "phoneE164",
        ),
        ("create_phone_number", "phone_numbers_agents_fkey", "invalid_attribute", "aiAgentId"),
        ("update_sip_user", "sip_users_users_fkey", "invalid_attribute", "userId"),
        ("start_outbound_call", "calls_conversations_fkey", "invalid_changes", ""),
        (
            "end_call",
            "calls_workspace_id_environment_call_uuid_key",
            "invalid_argument",
            "callUuid",
        ),
    ],
)
def test_a_broken_constraint_is_told_at_its_input(
    action: str, constraint: str, type_: str, field: str
) -> None:
    found = refused_problem(ACTIONS[action], refusal_of("23505", constraint))
    assert found is not None
    assert (found.type, found.vars, found.path) == (
        type_,
        {"field": field} if field else {},
        (),
    )
    assert found.fields == ((field,) if field else ())


def test_what_is_referred_to_cannot_be_deleted() -> None:
    found = refused_problem(
        ACTIONS["delete_queue"], refusal_of("23503", "phone_numbers_queues_fkey")
    )
    assert found is not None
    assert (found.type, found.fields) == ("invalid_changes", ())


@pytest.mark.parametrize("sqlstate", ["22003", "22P05", "22021", "22P02", "22000"])
def test_a_value_that_no_column_takes_is_no_defect(sqlstate: str) -> None:
    for action, type_ in (
        ("list_calls", "invalid_query"),
        ("create_contact", "invalid_changes"),
        ("list_events", "invalid_argument"),
    ):
        found = refused_problem(ACTIONS[action], refusal_of(sqlstate))
        assert found is not None
        assert found.type == type_


@pytest.mark.parametrize("sqlstate", ["42501", "42P01", "23502", "XX000"])
def test_a_defect_stays_one(sqlstate: str) -> None:
    assert refused_problem(ACTIONS["create_contact"], refusal_of(sqlstate)) is None


def test_the_tables_name_the_columns() -> None:
    assert CONSTRAINTS["conversations_workspace_id_environment_public_id_key"] == Constraint(
        Requirement.UNIQUE, "public_id"
    )
    assert CONSTRAINTS["calls_conversations_fkey"] == Constraint(
        Requirement.REFERENCE, "conversation_id"
    )
