"""What the check found, for people and for programs."""
