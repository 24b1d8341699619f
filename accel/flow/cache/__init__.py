"""A cache of products: entries are taken exactly as they were written, or not at all."""
