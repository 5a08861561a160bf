"""Ablations: a study file, the cells it amounts to, and what training them found."""
