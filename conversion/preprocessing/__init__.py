"""The preprocessing of a model: what the user says of it, and what it does to a photograph."""
