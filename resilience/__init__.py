"""Breaks, overloads and soaks a service, and records the results."""
