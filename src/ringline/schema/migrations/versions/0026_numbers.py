"""What a phone number is used for."""

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        "ALTER TABLE ringline.phone_numbers"
        " ADD channels text[] DEFAULT '{voice,sms,whatsapp}' NOT NULL"
    )
