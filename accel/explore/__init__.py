"""Exploration of cores: estimates all, routes the most promising, keeps the best."""
