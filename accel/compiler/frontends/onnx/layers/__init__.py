"""Layers of products by constant weights."""
