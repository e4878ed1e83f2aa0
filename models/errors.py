"""The exception tree.

RomashkaError                 any expected error; its message is meant for people
├── SettingsError             an input is missing or wrong
│   ├── ConfigurationError    a setting of the installation
│   └── InvalidRequest        a value in a request: names the field and what was expected
├── DecryptionFailed          sealed bytes do not open with the keys that are set
├── Unreachable               a server did not answer
│   └── SinkUnavailable       ClickHouse did not accept a batch now; the same batch is retried
├── PortInUse                 the embedded stack was asked for a port that is taken
├── SchemaMismatch            the database is not at the version this program needs
├── SinkRejected              ClickHouse answered, and will never take this batch
│   └── RowsRefused           because of rows in it; without those it would
├── StateRefused              a detector's saved state is torn, corrupt, unsigned or of another format
├── DlqLimitExceeded          too large a share of messages is rejected: the worker stops
└── EventRejected             one message is not a valid event; it becomes a dead letter
"""

from __future__ import annotations


class RomashkaError(Exception):
    """Base class of every expected error: the message says what happened and what to do next."""


class SettingsError(RomashkaError):
    """A setting is missing or has a value that cannot be used; names the setting."""


class ConfigurationError(SettingsError):
    """A setting of the installation is missing, invalid, or conflicts with another one; says what to do."""


class InvalidRequest(SettingsError):
    """A value in a request cannot be used.

    Parameters
    ----------
    field
        The API's name of the field, for example ``time_zone``; the command line shows its option instead.
    message
        The value that was given and what was expected.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class DecryptionFailed(RomashkaError):
    """Encrypted bytes cannot be decrypted: wrong key, or the bytes were changed."""


class Unreachable(RomashkaError):
    """A server did not answer; names the server, its address and what to check."""


class SinkUnavailable(Unreachable):
    """ClickHouse could not accept a batch now; retrying the identical batch is safe."""


class PortInUse(RomashkaError):
    """A port of the embedded stack is already in use; names the port and the option."""


class SchemaMismatch(RomashkaError):
    """The live schema differs from the one this program needs; names the missing migrations."""


class SinkRejected(RomashkaError):
    """ClickHouse rejects a batch for a permanent reason (wrong schema, no permission)."""


class RowsRefused(SinkRejected):
    """ClickHouse refuses a batch because of some of its rows; it would accept the others.

    Parameters
    ----------
    reason
        A short code that metrics count by, for example ``violated_constraint``.
    detail
        ClickHouse's own words without values of the row.
    """

    def __init__(self, message: str, reason: str, detail: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.detail = detail


class StateRefused(RomashkaError):
    """A detector's saved state cannot be used: truncated, corrupt, signed with another secret, or of another format."""


class DlqLimitExceeded(RomashkaError):
    """The share of rejected messages is so high that the producers, or this program, must be at fault."""


class EventRejected(RomashkaError):
    """One message is not a valid event.

    Parameters
    ----------
    stage
        The stage that rejected it: one of ``models.dead_letters.STAGES``.
    reason
        A short code that metrics count by, for example ``out_of_range``.
    detail
        Plain language: the field and what was expected. Never holds the offending value.
    """

    def __init__(self, stage: str, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.stage = stage
        self.reason = reason
        self.detail = detail
