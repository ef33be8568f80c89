"""Files that are not images, broken, costly or misleading."""
