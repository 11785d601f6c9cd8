"""What an iteration is, whether its answer is right, what it counts, and what a model's code leaves behind.

May import `devices`, `record`, `models` and torch.
Start with `step`, which says what every step has in common, and `forward_backward_train`, `predict` and `own`, whose
loops are timed; `find_step` lists them.
`subject` alone touches `models`, which may be those of an old commit.
"""
