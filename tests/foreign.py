"""Environment variables of other programs, which must not affect us."""

#: The variables that Kubernetes sets for services named `ringline` and `ringline-db`.
LINKS = {
    "RINGLINE_SERVICE_HOST": "10.0.0.7",
    "RINGLINE_SERVICE_PORT": "7400",
    "RINGLINE_SERVICE_PORT_HTTP": "7400",
    "RINGLINE_PORT": "tcp://10.0.0.7:7400",
    "RINGLINE_PORT_7400_TCP": "tcp://10.0.0.7:7400",
    "RINGLINE_PORT_7400_TCP_PROTO": "tcp",
    "RINGLINE_PORT_5060_UDP_ADDR": "10.0.0.7",
    "RINGLINE_DB_SERVICE_HOST": "10.0.0.8",
    "RINGLINE_DB_PORT": "tcp://10.0.0.8:5432",
    "RINGLINE_DB_PORT_5432_TCP_PORT": "5432",
}

#: Each of them alone breaks or redirects a connection.
LIBPQ = {
    "PGHOST": "192.0.2.1",
    "PGPORT": "1",
    "PGUSER": "somebody",
    "PGDATABASE": "elsewhere",
    "PGPASSFILE": "/",
    "PGSERVICE": "none",
    "PGSSLMODE": "verify-full",
    "PGSSLROOTCERT": "/nowhere",
    "PGSSLNEGOTIATION": "direct",
    "PGTARGETSESSIONATTRS": "read-only",
    "PGGSSLIB": "none",
}
