"""A model in a process of its own, so that its work takes nothing from whoever answers keys."""
