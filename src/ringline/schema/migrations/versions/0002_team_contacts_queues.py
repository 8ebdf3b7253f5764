"""The team, contacts, conversations, queues and lines; what RPC remembers."""

from alembic import op

from ringline.schema.isolation import (
    OF_ENVIRONMENT,
    OF_WORKSPACE,
    grant_app,
    isolate,
    make_lookups,
    roles,
)

revision = "0002"
down_revision = "0001"

TABLES = (
    """
    CREATE TABLE ringline.users (
        workspace_id uuid NOT NULL,
        id uuid NOT NULL,
        email text NOT NULL,
        full_name text,
        role text NOT NULL,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT users_pkey PRIMARY KEY (workspace_id, id),
        CONSTRAINT users_id_key UNIQUE (id),
        CONSTRAINT users_workspaces_fkey
            FOREIGN KEY (workspace_id)
            REFERENCES ringline.workspaces (id),
        CONSTRAINT users_role_check CHECK (role IN ('owner', 'admin', 'operator', 'member'))
    )
    """,
    """
    CREATE UNIQUE INDEX users_email_key ON ringline.users (workspace_id, lower(email))
    """,
    """
    CREATE TABLE ringline.invitations (
        workspace_id uuid NOT NULL,
        id uuid NOT NULL,
        email text NOT NULL,
        role text NOT NULL,
        token_hash bytea NOT NULL,
        expires_at timestamptz NOT NULL,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT invitations_pkey PRIMARY KEY (workspace_id, id),
        CONSTRAINT invitations_token_hash_key UNIQUE (token_hash),
        CONSTRAINT invitations_workspaces_fkey
            FOREIGN KEY (workspace_id)
            REFERENCES ringline.workspaces (id),
        CONSTRAINT invitations_role_check CHECK (role IN ('owner', 'admin', 'operator', 'member'))
    )
    """,
    """
    CREATE TABLE ringline.contacts (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        full_name text COLLATE "C" NOT NULL,
        email text COLLATE "C",
        phone_e164 text COLLATE "C",
        notes text,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT contacts_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT contacts_workspace_id_environment_phone_e164_key
            UNIQUE (workspace_id, environment, phone_e164),
        CONSTRAINT contacts_workspaces_fkey
            FOREIGN KEY (workspace_id)
            REFERENCES ringline.workspaces (id),
        CONSTRAINT contacts_environment_check CHECK (environment IN ('live', 'test'))
    )
    """,
    """
    CREATE INDEX contacts_by_email_desc_idx
        ON ringline.contacts (workspace_id, environment, email DESC, id)
    """,
    """
    CREATE INDEX contacts_by_email_idx ON ringline.contacts (workspace_id, environment, email, id)
    """,
    """
    CREATE INDEX contacts_by_full_name_desc_idx
        ON ringline.contacts (workspace_id, environment, full_name DESC, id)
    """,
    """
    CREATE INDEX contacts_by_full_name_idx
        ON ringline.contacts (workspace_id, environment, full_name, id)
    """,
    """
    CREATE INDEX contacts_by_inserted_at_desc_idx
        ON ringline.contacts (workspace_id, environment, inserted_at DESC, id)
    """,
    """
    CREATE INDEX contacts_by_inserted_at_idx
        ON ringline.contacts (workspace_id, environment, inserted_at, id)
    """,
    """
    CREATE INDEX contacts_by_phone_e164_desc_idx
        ON ringline.contacts (workspace_id, environment, phone_e164 DESC, id)
    """,
    """
    CREATE INDEX contacts_by_phone_e164_idx
        ON ringline.contacts (workspace_id, environment, phone_e164, id)
    """,
    """
    CREATE TABLE ringline.queues (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        queue_name text NOT NULL,
        strategy text NOT NULL,
        moh_sound text,
        max_wait_time integer,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT queues_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT queues_workspace_id_environment_queue_name_key
            UNIQUE (workspace_id, environment, queue_name),
        CONSTRAINT queues_workspaces_fkey
            FOREIGN KEY (workspace_id)
            REFERENCES ringline.workspaces (id),
        CONSTRAINT queues_environment_check CHECK (environment IN ('live', 'test')),
        CONSTRAINT queues_strategy_check
            CHECK (strategy IN ('ring-all', 'longest-idle-agent', 'round-robin', 'top-down',
                'agent-with-least-talk-time', 'agent-with-fewest-calls',
                'sequentially-by-agent-order', 'random'))
    )
    """,
    """
    CREATE TABLE ringline.gateways (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        name text NOT NULL,
        username text NOT NULL,
        realm text NOT NULL,
        inbound_acl text[] DEFAULT '{}' NOT NULL,
        provider text,
        proxy text,
        from_domain text,
        from_user text,
        register boolean,
        password bytea,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT gateways_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT gateways_workspace_id_environment_name_key
            UNIQUE (workspace_id, environment, name),
        CONSTRAINT gateways_workspaces_fkey
            FOREIGN KEY (workspace_id)
            REFERENCES ringline.workspaces (id),
        CONSTRAINT gateways_environment_check CHECK (environment IN ('live', 'test')),
        CONSTRAINT gateways_provider_check
            CHECK (provider IN ('vonage', 'twilio', 'telnyx', 'bandwidth', 'custom'))
    )
    """,
    """
    CREATE TABLE ringline.sip_users (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        sip_username text NOT NULL,
        sip_password bytea NOT NULL,
        user_id uuid NOT NULL,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT sip_users_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT sip_users_workspace_id_environment_sip_username_key
            UNIQUE (workspace_id, environment, sip_username),
        CONSTRAINT sip_users_users_fkey
            FOREIGN KEY (workspace_id, user_id)
            REFERENCES ringline.users (workspace_id, id),
        CONSTRAINT sip_users_environment_check CHECK (environment IN ('live', 'test'))
    )
    """,
    """
    CREATE INDEX sip_users_workspace_id_user_id_idx ON ringline.sip_users (workspace_id, user_id)
    """,
    """
    CREATE TABLE ringline.operator_statuses (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        sip_user_id uuid NOT NULL,
        status text NOT NULL,
        source text,
        changed_by_user_id uuid,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT operator_statuses_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT operator_statuses_workspace_id_environment_sip_user_id_key
            UNIQUE (workspace_id, environment, sip_user_id),
        CONSTRAINT operator_statuses_sip_users_fkey
            FOREIGN KEY (workspace_id, environment, sip_user_id)
            REFERENCES ringline.sip_users (workspace_id, environment, id)
            ON DELETE CASCADE,
        CONSTRAINT operator_statuses_users_fkey
            FOREIGN KEY (workspace_id, changed_by_user_id)
            REFERENCES ringline.users (workspace_id, id)
            ON DELETE SET NULL (changed_by_user_id),
        CONSTRAINT operator_statuses_environment_check CHECK (environment IN ('live', 'test')),
        CONSTRAINT operator_statuses_status_check
            CHECK (status IN ('available', 'busy', 'on_break', 'offline')),
        CONSTRAINT operator_statuses_source_check
            CHECK (source IN ('widget', 'console', 'api', 'system'))
    )
    """,
    """
    CREATE INDEX operator_statuses_workspace_id_changed_by_user_id_idx
        ON ringline.operator_statuses (workspace_id, changed_by_user_id)
    """,
    """
    CREATE TABLE ringline.phone_numbers (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        phone_e164 text NOT NULL,
        label text,
        gateway_id uuid,
        queue_id uuid,
        agent_id uuid,
        inbound_enabled boolean DEFAULT true NOT NULL,
        outbound_enabled boolean DEFAULT true NOT NULL,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT phone_numbers_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT phone_numbers_workspace_id_environment_phone_e164_key
            UNIQUE (workspace_id, environment, phone_e164),
        CONSTRAINT phone_numbers_workspaces_fkey
            FOREIGN KEY (workspace_id)
            REFERENCES ringline.workspaces (id),
        CONSTRAINT phone_numbers_gateways_fkey
            FOREIGN KEY (workspace_id, environment, gateway_id)
            REFERENCES ringline.gateways (workspace_id, environment, id),
        CONSTRAINT phone_numbers_queues_fkey
            FOREIGN KEY (workspace_id, environment, queue_id)
            REFERENCES ringline.queues (workspace_id, environment, id),
        CONSTRAINT phone_numbers_agents_fkey
            FOREIGN KEY (workspace_id, environment, agent_id)
            REFERENCES ringline.agents (workspace_id, environment, id),
        CONSTRAINT phone_numbers_environment_check CHECK (environment IN ('live', 'test'))
    )
    """,
    """
    CREATE INDEX phone_numbers_workspace_id_environment_agent_id_idx
        ON ringline.phone_numbers (workspace_id, environment, agent_id)
    """,
    """
    CREATE INDEX phone_numbers_workspace_id_environment_gateway_id_idx
        ON ringline.phone_numbers (workspace_id, environment, gateway_id)
    """,
    """
    CREATE INDEX phone_numbers_workspace_id_environment_queue_id_idx
        ON ringline.phone_numbers (workspace_id, environment, queue_id)
    """,
    """
    CREATE TABLE ringline.conversations (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        public_id text NOT NULL,
        channel text NOT NULL,
        mode text NOT NULL,
        status text NOT NULL,
        agent_id uuid,
        metadata jsonb,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT conversations_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT conversations_workspace_id_environment_public_id_key
            UNIQUE (workspace_id, environment, public_id),
        CONSTRAINT conversations_workspaces_fkey
            FOREIGN KEY (workspace_id)
            REFERENCES ringline.workspaces (id),
        CONSTRAINT conversations_agents_fkey
            FOREIGN KEY (workspace_id, environment, agent_id)
            REFERENCES ringline.agents (workspace_id, environment, id),
        CONSTRAINT conversations_environment_check CHECK (environment IN ('live', 'test')),
        CONSTRAINT conversations_channel_check
            CHECK (channel IN ('chat', 'call', 'email', 'sms', 'discord')),
        CONSTRAINT conversations_mode_check CHECK (mode IN ('text', 'voice')),
        CONSTRAINT conversations_status_check CHECK (status IN ('active', 'waiting', 'closed'))
    )
    """,
    """
    CREATE INDEX conversations_by_inserted_at_desc_idx
        ON ringline.conversations (workspace_id, environment, inserted_at DESC, id)
    """,
    """
    CREATE INDEX conversations_by_inserted_at_idx
        ON ringline.conversations (workspace_id, environment, inserted_at, id)
    """,
    """
    CREATE INDEX conversations_by_updated_at_desc_idx
        ON ringline.conversations (workspace_id, environment, updated_at DESC, id)
    """,
    """
    CREATE INDEX conversations_by_updated_at_idx
        ON ringline.conversations (workspace_id, environment, updated_at, id)
    """,
    """
    CREATE INDEX conversations_workspace_id_environment_agent_id_idx
        ON ringline.conversations (workspace_id, environment, agent_id)
    """,
    """
    CREATE TABLE ringline.conversation_items (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        conversation_id uuid NOT NULL,
        role text NOT NULL,
        modality text NOT NULL,
        content text NOT NULL,
        item_id text,
        content_index integer,
        metadata jsonb,
        occurred_at timestamptz,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT conversation_items_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT conversation_items_conversations_fkey
            FOREIGN KEY (workspace_id, environment, conversation_id)
            REFERENCES ringline.conversations (workspace_id, environment, id),
        CONSTRAINT conversation_items_environment_check CHECK (environment IN ('live', 'test')),
        CONSTRAINT conversation_items_role_check
            CHECK (role IN ('user', 'assistant', 'operator', 'system', 'tool')),
        CONSTRAINT conversation_items_modality_check CHECK (modality IN ('text', 'audio'))
    )
    """,
    """
    CREATE INDEX conversation_items_by_occurred_at_desc_idx
        ON ringline.conversation_items (workspace_id, environment, occurred_at DESC, id)
    """,
    """
    CREATE INDEX conversation_items_by_occurred_at_idx
        ON ringline.conversation_items (workspace_id, environment, occurred_at, id)
    """,
    """
    CREATE INDEX conversation_items_of_conversation_idx
        ON ringline.conversation_items (workspace_id, environment, conversation_id, occurred_at)
    """,
    """
    CREATE TABLE ringline.call_queue_entries (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        queue_id uuid NOT NULL,
        call_id uuid NOT NULL,
        status text NOT NULL,
        entered_at timestamptz NOT NULL,
        expires_at timestamptz,
        offered_at timestamptz,
        accepted_at timestamptz,
        left_at timestamptz,
        accepted_by_sip_user_id uuid,
        accepted_by_agent_name text,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT call_queue_entries_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT call_queue_entries_queues_fkey
            FOREIGN KEY (workspace_id, environment, queue_id)
            REFERENCES ringline.queues (workspace_id, environment, id),
        CONSTRAINT call_queue_entries_calls_fkey
            FOREIGN KEY (workspace_id, environment, call_id)
            REFERENCES ringline.calls (workspace_id, environment, id),
        CONSTRAINT call_queue_entries_sip_users_fkey
            FOREIGN KEY (workspace_id, environment, accepted_by_sip_user_id)
            REFERENCES ringline.sip_users (workspace_id, environment, id)
            ON DELETE SET NULL (accepted_by_sip_user_id),
        CONSTRAINT call_queue_entries_environment_check CHECK (environment IN ('live', 'test')),
        CONSTRAINT call_queue_entries_status_check
            CHECK (status IN ('waiting', 'offered', 'accepted', 'abandoned', 'timed_out'))
    )
    """,
    """
    CREATE INDEX call_queue_entries_by_entered_at_desc_idx
        ON ringline.call_queue_entries (workspace_id, environment, entered_at DESC, id)
    """,
    """
    CREATE INDEX call_queue_entries_by_entered_at_idx
        ON ringline.call_queue_entries (workspace_id, environment, entered_at, id)
    """,
    """
    CREATE INDEX call_queue_entries_waiting_idx
        ON ringline.call_queue_entries
        (workspace_id, environment, queue_id, entered_at) WHERE status = 'waiting'
    """,
    """
    CREATE INDEX call_queue_entries_workspace_id_environment_accepted_by_f9ad
        ON ringline.call_queue_entries (workspace_id, environment, accepted_by_sip_user_id)
    """,
    """
    CREATE INDEX call_queue_entries_workspace_id_environment_call_id_idx
        ON ringline.call_queue_entries (workspace_id, environment, call_id)
    """,
    """
    CREATE TABLE ringline.idempotency_keys (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        key_id uuid NOT NULL,
        idempotency_key text NOT NULL,
        body_hash bytea NOT NULL,
        claim uuid NOT NULL,
        leased_until timestamptz NOT NULL,
        done_at timestamptz,
        answer bytea,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT idempotency_keys_pkey
            PRIMARY KEY (workspace_id, environment, key_id, idempotency_key),
        CONSTRAINT idempotency_keys_keys_fkey
            FOREIGN KEY (workspace_id, environment, key_id)
            REFERENCES ringline.keys (workspace_id, environment, id),
        CONSTRAINT idempotency_keys_environment_check CHECK (environment IN ('live', 'test'))
    )
    """,
    """
    CREATE INDEX idempotency_keys_workspace_id_environment_inserted_at_idx
        ON ringline.idempotency_keys (workspace_id, environment, inserted_at)
    """,
)

CHANGES = (
    "ALTER TABLE ringline.agents ADD COLUMN enabled boolean DEFAULT true NOT NULL",
    """
    ALTER TABLE ringline.calls
        ADD CONSTRAINT calls_conversations_fkey
        FOREIGN KEY (workspace_id, environment, conversation_id)
        REFERENCES ringline.conversations (workspace_id, environment, id)
    """,
    """
    CREATE INDEX calls_by_ended_at_desc_idx
        ON ringline.calls (workspace_id, environment, ended_at DESC, id)
    """,
    """
    CREATE INDEX calls_by_ended_at_idx ON ringline.calls (workspace_id, environment, ended_at, id)
    """,
    """
    CREATE INDEX calls_by_started_at_desc_idx
        ON ringline.calls (workspace_id, environment, started_at DESC, id)
    """,
    """
    CREATE INDEX calls_by_started_at_idx
        ON ringline.calls (workspace_id, environment, started_at, id)
    """,
    """
    CREATE INDEX calls_of_conversation_idx
        ON ringline.calls (workspace_id, environment, conversation_id, started_at)
    """,
    """
    CREATE INDEX call_participants_by_joined_at_desc_idx
        ON ringline.call_participants (workspace_id, environment, joined_at DESC, id)
    """,
    """
    CREATE INDEX call_participants_by_joined_at_idx
        ON ringline.call_participants (workspace_id, environment, joined_at, id)
    """,
    """
    CREATE INDEX call_transcripts_by_occurred_at_desc_idx
        ON ringline.call_transcripts (workspace_id, environment, occurred_at DESC, id)
    """,
    """
    CREATE INDEX call_transcripts_by_occurred_at_idx
        ON ringline.call_transcripts (workspace_id, environment, occurred_at, id)
    """,
)

#: The team spans the environments of its workspace.
TEAM_TABLES = ("users", "invitations")

TABLES_PER_ENVIRONMENT = (
    "contacts",
    "queues",
    "gateways",
    "sip_users",
    "operator_statuses",
    "phone_numbers",
    "conversations",
    "conversation_items",
    "call_queue_entries",
    "idempotency_keys",
)

#: Whoever stands on a member of the team is told when the member is gone, like of a key.
USER_TRIGGERS = (
    """
    CREATE FUNCTION ringline.tell_user_gone() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        PERFORM pg_notify('ringline_keys', OLD.id::text || ' 0');
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER users_deleted AFTER DELETE ON ringline.users FOR EACH ROW
    EXECUTE FUNCTION ringline.tell_user_gone()
    """,
)

#: Workspaces that are there already get the queue that new ones begin with. The owner sees
#: their logs only while row-level security is not forced on it.
FIRST_QUEUES = (
    "ALTER TABLE ringline.logs NO FORCE ROW LEVEL SECURITY",
    """
    INSERT INTO ringline.queues (workspace_id, environment, id, queue_name, strategy)
    SELECT workspace_id, environment, gen_random_uuid(), 'default', 'longest-idle-agent'
    FROM ringline.logs
    """,
    "ALTER TABLE ringline.logs FORCE ROW LEVEL SECURITY",
)


LIVING_USERS = (
    "current_members(wanted uuid[])",
    "TABLE (workspace_id uuid, id uuid)",
    "STABLE",
    " SELECT u.workspace_id, u.id FROM ringline.users u WHERE u.id = ANY (wanted)",
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    lookup = roles().lookup
    for statement in (*TABLES, *CHANGES, *FIRST_QUEUES, *USER_TRIGGERS):
        run(statement)
    for name in (*TEAM_TABLES, *TABLES_PER_ENVIRONMENT):
        here = OF_WORKSPACE if name in TEAM_TABLES else OF_ENVIRONMENT
        isolate(run, name, here=here, purged=False)
        grant_app(run, "SELECT, INSERT, UPDATE, DELETE", table=name)
    run(f"GRANT SELECT (workspace_id, id) ON ringline.users TO {lookup}")
    run(f"CREATE POLICY lookup_select ON ringline.users FOR SELECT TO {lookup} USING (true)")
    make_lookups(run, LIVING_USERS)
