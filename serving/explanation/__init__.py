"""Why the model said so: encoded image → map for each of the best classes."""
