"""What a new password must be: long, and nothing that everybody knows (NIST SP 800-63B, 3.1.1)."""

from ringline.domain import console_limits


def flaw_of(password: str, *, email: str, workspace: str) -> str | None:
    """Return a sentence about what is wrong with a new password; None if it is good enough."""
    least, most = console_limits.PASSWORD_LEAST.most, console_limits.PASSWORD_MOST.most
    if not least <= len(password) <= most:
        return f"a password has {least} to {most} characters"
    plain = password.strip().casefold()
    if plain in (email.strip().casefold(), workspace.strip().casefold()):
        return "a password is neither the email address nor the workspace's name"
    return None
