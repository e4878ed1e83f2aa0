"""Programs for those who release: nothing that runs in an installation."""
