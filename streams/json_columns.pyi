"""A compiled module: reads a batch of JSON events into Arrow's buffers. See ``json_columns.c``."""

from typing import Final

UUID: Final[int]
TIME: Final[int]
SCORE: Final[int]
MONEY: Final[int]
WHOLE: Final[int]
FLAG: Final[int]
TEXT: Final[int]
TEXTS: Final[int]

def read_columns(
    messages: tuple[bytes | None, ...],
    keys: tuple[bytes | None, ...],
    fields: tuple[tuple[bytes, int, bool, float, float], ...],
    key: int,
    longest: int,
    /,
) -> tuple[list[tuple[bytes | None, bytes, bytes, bytes]], bytes, bytes]:
    """Return the columns of some messages; other threads run meanwhile.

    Parameters
    ----------
    messages, keys
        Of equal length.
    fields
        Name, kind (a constant of this module), whether it is required, and the least and greatest value: of TIME in
        microseconds since 1970, of MONEY in ten-thousandths, of other numbers as they are, of TEXTS how many.
    key
        Which field, a UUID, has to equal the key of its message.
    longest
        The most bytes that a message may have.

    Returns
    -------
    list of tuple
        For each field its validity (``None`` where no message is without the field) and its values, as Arrow stores
        them: 16 bytes (UUID), milliseconds (TIME), decimals of four places (SCORE, MONEY), uint32 (WHOLE), bits
        (FLAG), offsets of texts (TEXT) or of lists (TEXTS); then the texts, one after another, and the offsets of those
        in lists. Empty text is unusual: one that is missing has the length 0. What an unusual message has is undefined,
        but it has no texts.
    bytes
        1 for each message that is unusual, else 0.
    bytes
        For each message the number of other fields.
    """
