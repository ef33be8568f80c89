"""Breaks, overloads and tires a running service, and records what came of it."""
