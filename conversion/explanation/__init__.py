"""What lets the service say why: class activation maps, found in the exported graph."""
