"""The exception tree.

RomashkaError                 anything this system raises on purpose; its message is meant for people
├── SettingsError             something that was given is missing or wrong
│   ├── ConfigurationError    a setting of the installation
│   └── InvalidRequest        a value in a request: names the field and what was expected
├── DecryptionFailed          sealed bytes do not open with the keys that are set
├── Unreachable               a server did not answer
│   └── SinkUnavailable       ClickHouse did not take a batch this time; the same batch is tried again
├── PortInUse                 the embedded stack was asked for a port that is taken
├── SchemaMismatch            the database is not at the version this program needs
├── SinkRejected              ClickHouse answered, and will never take this batch
├── StateRefused              a detector's saved state is torn, corrupt, unsigned or of another format
├── DlqLimitExceeded          nearly everything that arrives is rejected: stop rather than drain the topic
└── EventRejected             one message is not a valid event; it becomes a dead letter
"""

from __future__ import annotations


class RomashkaError(Exception):
    """Base of every error raised on purpose: says what happened and what to do next."""


class SettingsError(RomashkaError):
    """A setting is missing or has a value that cannot be used; names the setting."""


class ConfigurationError(SettingsError):
    """A setting of the installation is missing, wrong, or does not fit the others; says what to do."""


class InvalidRequest(SettingsError):
    """A value in a request cannot be used.

    Parameters
    ----------
    field
        Its name as the API has it, for example ``time_zone``; the command line shows its option instead.
    message
        What it is and what was expected.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class DecryptionFailed(RomashkaError):
    """Sealed bytes do not open: another key sealed them, or they were changed."""


class Unreachable(RomashkaError):
    """A server did not answer; names the server, its address and what to check."""


class SinkUnavailable(Unreachable):
    """ClickHouse could not take a batch now; trying the identical batch again is safe and right."""


class PortInUse(RomashkaError):
    """A port the embedded stack was told to listen on is taken; names the port and the option."""


class SchemaMismatch(RomashkaError):
    """The live schema is not the one this program was built for; says which migrations are missing."""


class SinkRejected(RomashkaError):
    """ClickHouse refuses a batch for a reason that time does not cure (a wrong schema, no permission)."""


class StateRefused(RomashkaError):
    """A detector's saved state cannot be trusted: torn, corrupt, signed with another secret, or of another format."""


class DlqLimitExceeded(RomashkaError):
    """So many messages are rejected that the producers, or this program, must be at fault."""


class EventRejected(RomashkaError):
    """One message is not a valid event.

    Parameters
    ----------
    stage
        Where it failed: one of ``models.dead_letters.STAGES``.
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
