"""Requests that a client should not send, and what each must be answered."""
