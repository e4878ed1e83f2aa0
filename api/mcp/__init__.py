"""The MCP server: tools for agents. A client of the API, so that every rule of the API holds for it."""
