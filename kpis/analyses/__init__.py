"""Tables that answer one question each: SQL that adds up, and a pure function that finishes the rows. No I/O."""
