"""The one place that touches parts of uvicorn, BentoML and circus that are not public.

Each file says what it overrides, replaces or reads. ``versions.py`` names the versions with which
that was tried. With any other version the service warns and leaves them alone where it can.
"""
