"""The core's RTL in Amaranth's simulator or compiled, and a flash chip beside it."""
