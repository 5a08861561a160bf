"""Results made readable: tables for the terminal, pictures for files. Nothing is computed here."""
