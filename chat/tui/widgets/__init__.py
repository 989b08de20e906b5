"""Widgets: they show what they are told and report what was done to them by messages."""
