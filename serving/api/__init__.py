"""The public contract: routes, what requests may look like, what responses look like."""
