"""Why the model said so: class activation maps, or what covering parts of an image changes."""
