"""The same full job on other frameworks: our decoder, columns, windows and sink behind their consumers."""
