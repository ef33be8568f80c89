"""Requests that a client should not send, and the answer to each."""
