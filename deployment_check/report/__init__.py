"""The results of the check, for people and for programs."""
