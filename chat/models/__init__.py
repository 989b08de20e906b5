"""The only place that knows torch and transformers."""
