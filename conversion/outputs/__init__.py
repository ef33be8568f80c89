"""What a graph gives: probabilities by softmax or sigmoid, at a temperature, and an embedding."""
