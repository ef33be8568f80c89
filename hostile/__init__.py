"""Hostile files and requests, and what the service must answer."""
