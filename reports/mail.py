"""Where e-mail is handed in."""

from __future__ import annotations

from typing import Literal, NamedTuple


class MailServer(NamedTuple):
    """The mail server and the sender address."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = ""
    security: Literal["starttls", "tls", "none"] = "starttls"
