"""Files that are no image, broken, dear or misleading."""
