"""A day of bursty traffic through the autoscaling rule, image by image.

``python -m deploy.simulation`` compares thresholds; ``README.md`` says what is simplified.
"""
