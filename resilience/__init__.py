"""Breaks, overloads and soaks a running service, and records the outcome."""
