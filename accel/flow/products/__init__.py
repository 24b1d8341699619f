"""Products of tools: whether they are whole, and why a tool failed."""
