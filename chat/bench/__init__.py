"""Measures the engine beside the recipe it replaces, on any checkpoint."""
