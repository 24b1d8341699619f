"""Options that several commands take, and what holds for all of them."""
