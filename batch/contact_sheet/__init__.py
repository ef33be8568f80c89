"""One HTML page with some of a run's photographs and their predictions.

While the output is written, ``selection`` keeps the rows that the page shows. Their photographs are
then read and decoded again, and ``cards`` draws them.
"""
