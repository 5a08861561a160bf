"""Picture files: found in class folders and archives, decoded, framed, and kept once decoded."""
