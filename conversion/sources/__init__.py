"""Where a network comes from: one file for each source, behind :class:`source.Source`."""
