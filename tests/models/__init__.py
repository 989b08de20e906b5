"""Tests of what knows torch and transformers."""
