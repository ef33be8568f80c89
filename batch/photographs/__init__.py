"""Which photographs a run is about, and their bytes."""
