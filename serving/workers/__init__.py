"""The processes of one service: how they start, see each other, and end."""
