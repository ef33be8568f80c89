"""What is counted and shown at ``/metrics``."""
