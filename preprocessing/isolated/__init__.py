"""Decoding in a process of its own, whose time and memory the kernel bounds.

Only a program that reads a file exactly as the decoder does could predict its time and memory. So
nothing is predicted: images that are not ordinary are decoded here, and the kernel ends the process
at its limits::

    worker ──encoded bytes──▶ ┌───────────────┐ ──▶ decoding process
           ◀───────pixels──── │ shared memory │ ◀── (after its end, its keeper
                              └───────────────┘      forks the next one)
"""
