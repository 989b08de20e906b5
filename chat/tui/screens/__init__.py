"""Screens: they mediate between the widgets, the open session and the model."""
