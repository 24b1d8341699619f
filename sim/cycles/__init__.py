"""The cycle model, and where cycles go."""
