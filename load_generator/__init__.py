"""Load for services: closed and open loops, connections, and outcomes of requests."""
