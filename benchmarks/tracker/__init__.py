"""What a call of the Python tracker costs its caller, beside json.dumps and a bare producer, in one run."""
