"""A compiled module: reads a batch of JSON events into columns. See ``json_columns.c``."""

from collections.abc import Sequence
from typing import Final

UUID: Final[int]
TIME: Final[int]
NUMBER: Final[int]
MONEY: Final[int]
WHOLE: Final[int]
FLAG: Final[int]
TEXT: Final[int]
TEXTS: Final[int]

def read_columns(
    messages: Sequence[bytes | None],
    keys: Sequence[bytes | None],
    fields: tuple[tuple[bytes, int, bool], ...],
    key: int,
    longest: int,
    /,
) -> list[tuple[bytes, bytes, bytes, bytes]] | None:
    """Return the columns of some messages; ``None`` where any of them is unusual.

    Parameters
    ----------
    messages, keys
        Lists of equal length.
    fields
        Name, kind (a constant of this module) and whether it is required.
    key
        Which field, a UUID, has to equal the key of its message.
    longest
        The most bytes that a message may have.

    Returns
    -------
    list of tuple
        For each field: its values, one byte for each message that says whether it has the field, texts, and the
        offsets of the texts of lists. Values have 16 bytes (UUID), 8 (int64: TIME in microseconds since 1970, MONEY in
        millionths, WHOLE; float64: NUMBER) or 1 (FLAG) for each message, 0 where missing; or they are the int32
        offsets of its text (TEXT) or its list (TEXTS), one more than there are messages.
    """
