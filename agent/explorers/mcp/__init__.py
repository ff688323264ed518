"""The explorer `mcp`: the user's own agent proposes candidates over the Model Context Protocol."""
