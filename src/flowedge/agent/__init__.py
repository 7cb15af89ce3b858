"""The agent: a capture that looks after itself. The only package with signals and privileges."""
