"""What the compiler works on: graph, layers of the core, commands, and layouts of tensors."""
