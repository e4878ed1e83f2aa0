"""From signals to incidents: classification, severity, explanation, remediation, correlation."""
