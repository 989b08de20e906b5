"""The comparison with the recipe of the guides."""
