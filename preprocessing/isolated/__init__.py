"""Decoding in a process of its own, whose time and memory the kernel bounds.

How long a decoder works on a file, and how much memory it takes, can only be told by reading
the file exactly as the decoder does. So nothing is foretold: whatever is not an ordinary image
is decoded here, and the kernel ends the process when it has had its share::

    worker ──encoded bytes──▶ ┌───────────────┐ ──▶ decoding process
           ◀───────pixels──── │ shared memory │ ◀── (ended by the kernel at its limits;
                              └───────────────┘      its keeper then forks the next one)
"""
