"""What a browser shows: the page at ``/`` and BentoML's documents."""
