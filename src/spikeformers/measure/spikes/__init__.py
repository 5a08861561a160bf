"""What neurons do: how often they fire, when, on what, and where attentions look."""
