"""The photographs of a run: their list and their bytes."""
