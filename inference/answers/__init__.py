"""What a client is told of probabilities: the best classes, the decision, the embedding, drift."""
