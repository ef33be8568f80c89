"""What classifies the parts of a run: the processors of this machine, or a cluster.

Each engine takes parts and gives their rows, in any order. It writes nothing: so what counts as
done is decided in one place, and killing whatever works loses work, never rows.
"""
