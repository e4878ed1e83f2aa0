"""Instructions that the pure hot paths take for an event: the same on a busy machine, so that CI can compare them."""
