"""How an embedded cluster is created and configured, and who may connect to it.

Its log never contains stored data: a database error's text quotes rows, so statement errors
are not logged, nor are statements, their parameters or any DETAIL.
"""

from ringline.storage.data_directory import PORT, SUPERUSER

INITDB_OPTIONS = (
    f"--username={SUPERUSER}",
    "--encoding=UTF8",
    "--no-locale",  # sort by code point everywhere: no index depends on the machine's libc
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth-local=peer",
    "--auth-host=reject",
    "--data-checksums",
    "--no-clean",  # we remove what a failed initdb leaves, after checking for a full disk
)
CLUSTER_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "cluster_name": "ringline",
    "fsync": "on",
    "timezone": "UTC",
    "io_method": "sync",  # three processes fewer; our reads are short
    "jit": "off",
    # What may be logged. `log_min_messages=log` is the level between ERROR and FATAL.
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
}
HBA = "local all all peer map=ringline\n"


def ident_for(account: str) -> str:
    """Return the ident map that lets one account, and no other, log in as any role."""
    return f'ringline "{account}" all\n'
