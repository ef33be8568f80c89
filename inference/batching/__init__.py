"""Images → answers, in batches: the runner takes them, the batcher gathers them."""
