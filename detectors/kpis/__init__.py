"""Changes of key figures against their own past."""
