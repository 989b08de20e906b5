"""Saved conversations once more: played back as they were recorded, run again, and compared."""
