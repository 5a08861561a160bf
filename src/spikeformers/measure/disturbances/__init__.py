"""What can go wrong with a model or its pictures: corruptions, attacks, noise on weights, lost spikes."""
