"""The tests: one folder per kind (see CONTRIBUTING.md)."""
