"""Tests of idefics-chat."""
