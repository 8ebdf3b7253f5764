"""How an embedded cluster is made and run, and who gets in.

Its log never holds what is stored: a database error's text quotes rows, so errors of
statements stay out of it, and so do statements, their parameters and every DETAIL.
"""

from ringline.storage.data_directory import PORT, SUPERUSER

INITDB_OPTIONS = (
    f"--username={SUPERUSER}",
    "--encoding=UTF8",
    "--no-locale",  # order of code points everywhere: no index depends on the machine's libc
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth-local=peer",
    "--auth-host=reject",
    "--data-checksums",
    "--no-clean",  # what is left is removed by us, after it was seen whether the disk is full
)
CLUSTER_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "cluster_name": "ringline",
    "fsync": "on",
    "timezone": "UTC",
    "io_method": "sync",  # three processes fewer; ours are short reads of few rows
    "jit": "off",
    # What the log may hold. `log_min_messages=log` is the level between ERROR and FATAL.
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
    """Let an account of the operating system take every role, and no other account."""
    return f'ringline "{account}" all\n'
