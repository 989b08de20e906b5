"""What speed is promised, measured as ratios side by side in one run: `python -m tests.benchmarks`."""
