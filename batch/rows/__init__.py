"""The rows of a run, and where they are kept until all are done."""
