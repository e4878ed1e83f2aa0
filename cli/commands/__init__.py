"""One module for each command: its options and their help, the settings it reads, and what it prints."""
