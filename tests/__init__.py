"""The tests: one folder per room, one conformance suite per port."""
