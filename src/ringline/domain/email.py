"""Email addresses, in any script (RFC 6531): what is taken for one, and nothing finer.

Whether an address exists is found out by writing to it. So there is one `@`, something on
both sides, and nothing that could not be printed in a line.
"""

#: What no address holds, as members of a set in a regular expression.
_BLANKS = r"\s\x00-\x1f\x7f-\x9f"

#: Who somebody is, by an email or an id of the client's own: patterns of a whole text.
PRINTABLE = rf"[^{_BLANKS}]+"
EMAIL = rf"[^{_BLANKS}@]+@[^{_BLANKS}@]+"
