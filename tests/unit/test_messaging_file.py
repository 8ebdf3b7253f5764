"""The file of providers of messages: what it says, and that its mistakes are named."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.config import Settings, SettingsProblem
from ringline.config.messaging_file import read_messaging_file
from ringline.config.messaging_keys import TABLES
from ringline.domain.carriers import BodyFormat, SignatureScheme
from ringline.domain.conversations import ConversationChannel
from ringline.domain.messages import Report
from tests.carriers import ACME, API_KEY, ENVIRON, SIGNING_SECRET, read_carriers

SMS, WHATSAPP = ConversationChannel.SMS, ConversationChannel.WHATSAPP


def refusal(text: str, path: Path, *, has_public_url: bool = True) -> str:
    with pytest.raises(SettingsProblem) as caught:
        read_carriers(text, path, has_public_url=has_public_url)
    message = str(caught.value)
    assert message.startswith("RINGLINE_MESSAGING_FILE is invalid: ")
    assert message.endswith(".")
    assert API_KEY not in message
    assert SIGNING_SECRET not in message
    return message.removeprefix("RINGLINE_MESSAGING_FILE is invalid: ")


def test_a_file_with_a_provider(tmp_path: Path) -> None:
    (acme,) = read_carriers(ACME, tmp_path)
    assert (acme.name, acme.addresses) == ("acme", {SMS: "{number}"})
    sending, inbound, receipts, signature = (
        acme.sending,
        acme.inbound,
        acme.receipts,
        acme.signature,
    )
    assert (sending.method, sending.format) == ("POST", BodyFormat.JSON)
    assert sending.headers == {"X-Profile": "main", "Authorization": f"Bearer {API_KEY}"}
    assert sending.refused_statuses == {400, 422}
    assert inbound is not None
    assert inbound.when == {"/event": "message.received"}
    assert receipts is not None
    assert receipts.words["timed-out"] is Report.EXPIRED
    assert signature is not None
    assert (signature.scheme, signature.prefix) == (SignatureScheme.HMAC_SHA256_HEX, "v1=")
    assert signature.secret.get_secret_value() == SIGNING_SECRET
    for shown in (repr(acme), str(acme)):
        assert API_KEY not in shown
        assert SIGNING_SECRET not in shown


def test_which_messages_a_provider_carries(tmp_path: Path) -> None:
    (acme,) = read_carriers(ACME, tmp_path)
    assert acme.carries(SMS, "+2342013301234")
    assert acme.carries(SMS, "+14155550100")
    assert not acme.carries(SMS, "+2342013301235")
    assert not acme.carries(WHATSAPP, "+2342013301234")
    every = ACME.replace('numbers = ["+2342013301234", "+1415*"]', "")
    (acme,) = read_carriers(every, tmp_path)
    assert acme.carries(SMS, "+447700900123")


def test_addresses_are_written_and_read(tmp_path: Path) -> None:
    text = ACME.replace('["sms"]', '["sms", "whatsapp"]').replace(
        "[providers.acme.send]",
        '[providers.acme.addresses]\nsms = "{digits}"\nwhatsapp = "whatsapp:{number}"\n'
        "[providers.acme.send]",
    )
    (acme,) = read_carriers(text, tmp_path)
    assert acme.address_of(WHATSAPP, "+14155550100") == "whatsapp:+14155550100"
    assert acme.address_of(SMS, "+14155550100") == "14155550100"
    assert acme.number_in(WHATSAPP, "whatsapp:+14155550100") == "+14155550100"
    assert acme.number_in(SMS, "14155550100") == "+14155550100"
    assert acme.number_in(WHATSAPP, "whatsapp:") is None
    assert acme.number_in(WHATSAPP, "14155550100") is None


@pytest.mark.parametrize(
    ("how", "header", "value"),
    [
        (
            'user = "AC1"\npassword_env = "ACME_KEY"',
            "Authorization",
            "Basic QUMxOmFjbWUtYXBpLWtleS0wMTIzNDU2Nzg5",
        ),
        ('key_header = "X-Api-Key"\nkey_env = "ACME_KEY"', "X-Api-Key", API_KEY),
    ],
)
def test_other_credentials(how: str, header: str, value: str, tmp_path: Path) -> None:
    (acme,) = read_carriers(ACME.replace('bearer_env = "ACME_KEY"', how), tmp_path)
    assert acme.sending.headers[header] == value
    assert value not in repr(acme)


def test_a_provider_that_only_sends_needs_no_signature(tmp_path: Path) -> None:
    (acme,) = read_carriers(ACME[: ACME.index("[providers.acme.inbound]")], tmp_path)
    assert (acme.inbound, acme.receipts, acme.signature) == (None, None, None)


URL = 'url = "https://api.acme.example/v2/messages"'
MISTAKES = [
    (
        "[providers.acme]\n",
        "[providers.Acme]\n[providers.acme]\n",
        "[providers]: a provider's name",
    ),
    ("[providers.acme]\n", "[carriers.acme]\n[providers.acme]\n", '"carriers" is not known'),
    ('["sms"]', '["sms", "fax"]', "[providers.acme]: channels may have sms, whatsapp"),
    ('["sms"]', '["sms", "whatsapp"]', "[providers.acme]: two channels write numbers alike"),
    ('"+1415*"', '"0911"', "[providers.acme]: numbers may have numbers in E.164"),
    ('"+1415*"', '"1415*"', "[providers.acme]: numbers may have numbers in E.164"),
    ("numbers =", "number =", '"number" is not known; the nearest is numbers'),
    (URL, "", "[providers.acme.send]: url is missing"),
    (URL, 'url = "ftp://x"', "[providers.acme.send]: url is not allowed"),
    (URL, 'url = "http://api.acme.example/"', "http is for loopback addresses alone"),
    (URL, f'{URL}\nmethod = "GET"', "[providers.acme.send]: method must be POST or PUT"),
    ('bearer_env = "ACME_KEY"', 'bearer_env = "NOT_SET"', "bearer_env must name an environment"),
    ('bearer_env = "ACME_KEY"', 'bearer_env = "EMPTY"', "bearer_env must name an environment"),
    ('bearer_env = "ACME_KEY"', 'bearer = "ACME_KEY"', "the nearest is bearer_env"),
    ('bearer_env = "ACME_KEY"', 'user = "x"', "user and password_env belong together"),
    ('bearer_env = "ACME_KEY"', 'key_env = "ACME_KEY"', "key_header and key_env belong together"),
    (URL, f'{URL}\nkey_env = "ACME_KEY"\nkey_header = "X"', "it may have one of password_env"),
    ('X-Profile = "main"', 'Authorization = "Bearer x"', "Authorization is a credential"),
    ('X-Profile = "main"', 'Content-Type = "x"', "Content-Type cannot be set"),
    ('"{to}"', '"{recipient}"', "json: {recipient} is no placeholder"),
    ('"{to}"', '"{to"', "json: a brace that begins no placeholder"),
    ('"{to}"', '"somebody"', "json has no {to}"),
    ("flash = false", "flash = 2026-11-30", "json must be a table of texts, numbers"),
    ("[providers.acme.send.json]", "[providers.acme.send.form]", "form must be a table of texts"),
    ("[providers.acme.send.json]", "[providers.acme.send.headers.json]", "json or form"),
    ('message_id = "/data/id"', 'message_id = "data.id"', "message_id must be a JSON pointer"),
    ('message_id = "/data/id"', "", "message_id is missing, which receipts refer to"),
    ("[400, 422]", "[400, 429]", "statuses cannot have 429"),
    ("[400, 422]", "[400, 500]", "statuses must be a list of HTTP statuses from 400 to 499"),
    ("[400, 422]", "[true]", "statuses must be a list of HTTP statuses from 400 to 499"),
    ('text = "/payload/text"', 'text = "text"', "its places must all be JSON pointers"),
    ('text = "/payload/text"', 'text = "/a~2"', "text is no JSON pointer"),
    ('to = "/payload/to"', "", "[providers.acme.inbound]: to is missing"),
    ('seen = "read"', 'seen = "sent"', "each word must mean one of delivered, read"),
    ('"hmac-sha256-hex"', '"md5"', "scheme must be one of hmac-sha256-hex"),
    ('"hmac-sha256-hex"', '"twilio"', "twilio has neither prefix nor timestamp_header"),
    ('header = "X-Acme-Signature"', "", "[providers.acme.signature]: header is missing"),
    ('secret_env = "ACME_SECRET"', "", "[providers.acme.signature]: secret_env is missing"),
]


@pytest.mark.parametrize(("what", "instead", "says"), MISTAKES)
def test_a_mistake_is_named(what: str, instead: str, says: str, tmp_path: Path) -> None:
    assert what in ACME
    assert says in refusal(ACME.replace(what, instead, 1), tmp_path)


def test_inbound_and_receipts_need_a_signature(tmp_path: Path) -> None:
    message = refusal(ACME[: ACME.index("[providers.acme.signature]")], tmp_path)
    assert "the table [providers.acme.signature] is missing" in message


def test_what_is_no_provider(tmp_path: Path) -> None:
    assert refusal("", tmp_path) == "the table [providers] is missing."
    assert refusal("[providers]", tmp_path) == "[providers]: it has no provider."
    sandbox = ACME.replace("providers.acme", "providers.sandbox")
    assert "sandbox is the provider of test keys" in refusal(sandbox, tmp_path)


def test_a_provider_that_must_know_our_url_needs_one(tmp_path: Path) -> None:
    assert "RINGLINE_PUBLIC_URL must be set" in refusal(ACME, tmp_path, has_public_url=False)
    without = ACME.replace('webhook = "{receipts_url}"', "")
    (acme,) = read_carriers(without, tmp_path, has_public_url=False)
    assert acme.signature is not None


@pytest.mark.parametrize("table", TABLES)
def test_every_table_refuses_what_the_page_does_not_list(table: str, tmp_path: Path) -> None:
    below = {"provider": "", "refused": ".send.refused"}.get(table, f".{table}")
    where = f"[providers.acme{below}]"
    assert where in ACME
    message = refusal(ACME.replace(where, f"{where}\nzzz = 1"), tmp_path)
    assert message.startswith(f'{where}: "zzz" is not known; it may have ')
    assert all(key in message for key in TABLES[table])


def test_the_settings_read_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.read().read_messaging() == ()
    path = tmp_path / "messaging.toml"
    path.write_text(ACME, "utf-8")
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RINGLINE_MESSAGING_FILE", str(path))
    with pytest.raises(SettingsProblem, match="RINGLINE_PUBLIC_URL must be set"):
        Settings.read().read_messaging()
    monkeypatch.setenv("RINGLINE_PUBLIC_URL", "https://voice.example.com")
    (acme,) = Settings.read().read_messaging()
    assert acme.name == "acme"


LINES = ACME.splitlines()
VALUES = st.text(max_size=40) | st.integers() | st.booleans() | st.lists(st.text(max_size=5))


@given(st.sampled_from([at for at, line in enumerate(LINES) if " = " in line]), VALUES)
def test_any_value_of_a_key_is_read_or_refused(at: int, value: object) -> None:
    key = LINES[at].partition(" = ")[0]
    lines = [*LINES[:at], f"{key} = {json.dumps(value)}", *LINES[at + 1 :]]
    data = "\n".join(lines).encode()

    class Read:
        def open(self, _: str) -> "Read":
            return self

        def __enter__(self) -> "Read":
            return self

        def __exit__(self, *_: object) -> None: ...

        def read(self, _: int) -> bytes:
            return data

    with contextlib.suppress(SettingsProblem):
        read_messaging_file(Read(), ENVIRON, has_public_url=True)  # type: ignore[arg-type]
