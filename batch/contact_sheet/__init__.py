"""What a run saw and thought, as one HTML page; a few of ten million photographs.

While all rows are put together, ``selection`` keeps those that the page shows. Their photographs
are then read and decoded once more, and ``cards`` draws them.
"""
