"""Checks a running deployment from outside: ``python -m deployment_check``."""
