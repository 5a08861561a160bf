"""What an event camera says: the array of its events, the camera's size, and what was lost while reading."""
