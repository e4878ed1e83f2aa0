"""Online detectors behind one contract: what happened in, findings out. Pure: no I/O, no clock, seeded."""
