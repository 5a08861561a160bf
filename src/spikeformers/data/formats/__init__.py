"""Byte formats that data sets come in: read, checked, and never executed."""
