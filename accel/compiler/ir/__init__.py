"""What the compiler works on: the graph, layers of the core, commands, and how tensors lie in memory."""
