"""Class activation maps, which are added to the exported graph for explanations."""
