"""Load for services: clients that wait, arrivals that do not, and what becomes of requests."""
