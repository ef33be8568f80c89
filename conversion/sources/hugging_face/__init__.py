"""Folders with a ``config.json``, of the user's own or from the Hugging Face hub."""
