"""Bytes in and out: connections, requests, responses, and the front door."""
