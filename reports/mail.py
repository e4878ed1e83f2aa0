"""Where e-mail is handed in."""

from __future__ import annotations

from typing import Literal, NamedTuple


class MailServer(NamedTuple):
    """Where e-mail is handed in, and whom it is from."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = ""
    security: Literal["starttls", "tls", "none"] = "starttls"
