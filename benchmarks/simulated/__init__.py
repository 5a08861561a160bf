"""Parts of sim_to_real.py: recordings as statistics and frames, small classifiers, and the fit of the simulator."""
