"""From pictures and video to simulated events: never a real recording, and called simulated wherever it is written."""
