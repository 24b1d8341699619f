"""From the graph's nodes to layers of the core, and rewrites of these layers."""
