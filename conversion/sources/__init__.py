"""Sources of networks, one file for each, behind :class:`source.Source`."""
