"""From probabilities to answers: the best classes, the decision, the embedding, drift."""
