"""The preprocessing of a model: the user's options, and its effect on a photograph."""
