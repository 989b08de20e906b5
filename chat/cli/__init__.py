"""The command line: reads arguments, puts the parts together, maps errors to exit codes."""
