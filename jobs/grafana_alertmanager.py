"""Client of the silences in Grafana's own Alertmanager (``/api/alertmanager/grafana/api/v2``, Grafana 12.3)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlsplit

import urllib3

from models.errors import SettingsError, Unreachable
from models.silences import Matcher, Silence

PATH: Final = "/api/alertmanager/grafana/api/v2"
_ANSWER_SECONDS: Final = 10.0
_EXPIRED: Final = "expired"
_FAR: Final = re.compile(r"\d{5,}-")
_LATEST: Final = datetime.max.replace(tzinfo=UTC)


class Alertmanager:
    """The silences of one Grafana.

    Parameters
    ----------
    url
        Grafana's address, for example ``http://grafana:3000``.
    token
        Token of a service account that may read, create and update silences (role Editor).

    Raises
    ------
    SettingsError
        The address is not one of http or https, or the token has characters that no token has.
    """

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise SettingsError(f"ROMASHKA_GRAFANA_URL is '{url}'; expected for example http://grafana:3000")
        self._url = url.rstrip("/")
        self._token = token.strip()  # a file that it was read from ends with a line end
        if not (self._token.isascii() and self._token.isprintable()):
            raise SettingsError("ROMASHKA_GRAFANA_SILENCE_TOKEN has characters that no token of Grafana has")

    def silences(self) -> list[Silence]:
        """Return every silence, expired ones too; raises as ``make`` does."""
        found = self._call("GET", "/silences")
        if not isinstance(found, list):  # as if there were none, every silence would be made again
            raise Unreachable(f"Grafana at {self._url} answers something else than silences ({type(found).__name__})")
        try:
            return [_silence(one) for one in found]
        except (KeyError, TypeError, ValueError) as error:
            raise Unreachable(f"Grafana at {self._url} answers something else than silences ({error!r})") from error

    def make(self, silence: Silence) -> str:
        """Make a silence; return its id.

        Raises
        ------
        Unreachable
            Grafana does not answer, or not as expected.
        SettingsError
            It refuses the token.
        """
        made = self._call(
            "POST",
            "/silences",
            {
                "matchers": [
                    {"name": one.name, "value": one.value, "isRegex": one.is_regex, "isEqual": one.is_equal}
                    for one in silence.matchers
                ],
                "startsAt": _text(silence.starts_at),
                "endsAt": _text(silence.ends_at),
                "createdBy": silence.creator,
                "comment": silence.comment,
            },
        )
        return str(made["silenceID"]) if isinstance(made, dict) and "silenceID" in made else ""

    def end(self, id_: str) -> None:
        """End a silence; one that is over or gone already is none to end; raises as ``make`` does."""
        self._call("DELETE", f"/silence/{quote(id_, safe='')}", missing=True)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None, *, missing: bool = False) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        with urllib3.PoolManager(timeout=urllib3.Timeout(total=_ANSWER_SECONDS), retries=False) as pool:
            try:
                answer = pool.request(
                    method,
                    f"{self._url}{PATH}{path}",
                    headers=headers,
                    body=None if body is None else json.dumps(body),
                    redirect=False,
                )
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise Unreachable(
                    f"Grafana at {self._url} does not answer ({type(error).__name__}); check ROMASHKA_GRAFANA_URL"
                ) from error
            content = answer.data
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise SettingsError(
                f"Grafana at {self._url} refuses the token ({answer.status}); ROMASHKA_GRAFANA_SILENCE_TOKEN must be "
                "of a service account that may edit silences"
            )
        if missing and answer.status == HTTPStatus.NOT_FOUND:
            return None
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise Unreachable(f"Grafana answered {method} of a silence with {answer.status}: {content[:200]!r}")
        try:
            return json.loads(content) if content else None
        except ValueError as error:
            raise Unreachable(f"Grafana at {self._url} answers something else than JSON") from error


def _silence(found: dict[str, Any]) -> Silence:
    return Silence(
        tuple(
            Matcher(one["name"], one["value"], bool(one["isRegex"]), bool(one.get("isEqual", True)))
            for one in found["matchers"]
        ),
        _moment(found["startsAt"]),
        _moment(found["endsAt"]),
        str(found["createdBy"]),
        str(found["comment"]),
        str(found["id"]),
        found["status"]["state"] != _EXPIRED,
    )


def _moment(text: str) -> datetime:
    """Return a moment; one beyond the year 9999, which Grafana takes, is the last one that there is."""
    if _FAR.match(text):
        return _LATEST
    moment = datetime.fromisoformat(text)
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # a day from either end of the calendar
        return moment.replace(tzinfo=UTC)


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
