"""A simulated quarter of findings, verdicts and thresholds that follow them."""
