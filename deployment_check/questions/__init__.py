"""What a deployment is asked, one request at a time."""
