"""The servers that the tests of the TypeScript tracker run against."""
