"""Online detectors behind one contract: they turn observations into findings. Pure: no I/O, no clock, seeded."""
