"""Recordings in a compact, checked form on disk, so that each is decoded once and not whenever it is read."""
