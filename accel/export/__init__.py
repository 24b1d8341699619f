"""Takes what we make into the designs of others; see the README."""
