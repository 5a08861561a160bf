"""What training costs here and on SpikingJelly: time, memory, how both grow, and the neuron alone. See `__main__`."""
