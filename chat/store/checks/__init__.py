"""Looks through a whole database for what is wrong with it, and makes anew what can be made from the rest."""

from chat.store.checks.check import Check
from chat.store.checks.difference import Difference

__all__ = ["Check", "Difference"]
