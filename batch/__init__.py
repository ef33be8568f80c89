"""A folder of photographs in, a table of predictions out, without HTTP.

The way of the data::

    folder, pattern, list, Parquet ──inputs──▶ list of photographs, in parts of some hundreds
    part ──engine: reading, decoding, session──▶ rows ──run folder──▶ one file for each part
    all parts ──output──▶ predictions.parquet, .csv or .jsonl

A part is the unit of work, the most that a process loses in a crash, and what a shard takes. Its
rows depend only on its photographs, the model and the settings. So it does not matter which process
makes them, in which order, or how often.
"""

from interrupts import end_in_one_line_after_ctrl_c

end_in_one_line_after_ctrl_c()
