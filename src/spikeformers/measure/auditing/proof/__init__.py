"""What numbers can reach each operation of a model, whatever its input: proven along one forward pass.

sets       sets of whole numbers times a constant, and what arithmetic does to them
sources    where such numbers, or real ones, come from
call       one call of one of PyTorch's basic operations, as the rules see it
rules      what each basic operation does to the sets; what has no rule gives real numbers
origins    which source to name where integers or real numbers arise
knowledge  what is known about tensors, kept for each storage
trace      follows the sets through one forward pass of a model
"""
