"""The core's RTL, compiled or in Amaranth's simulator, and the flash chip beside it."""
