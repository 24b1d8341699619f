"""Fixtures and assertions for networks on the core, for pytest."""
