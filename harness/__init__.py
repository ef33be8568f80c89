"""What tests, faults and benchmarks run the service on: a toy model, images by hand, servers."""
