"""The bundled checkpoint: its world, its language, its training and its measurement."""
