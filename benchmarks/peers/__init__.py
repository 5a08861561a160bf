"""The same networks on SpikingJelly 2.0's neurons, written from their published descriptions, to measure against.

Each layer stands by itself and runs in plain PyTorch: what training costs whoever builds a spiking transformer from
SpikingJelly's parts. Only the neuron (`spikingjelly.activation_based.neuron.LIFNode`) is SpikingJelly's; it keeps its
membrane potential between calls, so `functional.reset_net` follows every batch. A peer takes the parameters of our
model under `from_ours` names and gives its logits (tests/benchmarks/test_peers.py).
"""
