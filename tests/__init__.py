"""Tests of idefics-chat."""

import os

# Here, because the hub's library reads it once, when anything imports it first.
os.environ["HF_HUB_OFFLINE"] = "1"
