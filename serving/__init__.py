"""HTTP: the front door, what requests may look like, and what is answered."""
