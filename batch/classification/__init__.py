"""How a part of a run is classified: photographs → rows."""
