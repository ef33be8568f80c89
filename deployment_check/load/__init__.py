"""Load: many requests at once, and how the deployment bears them."""
