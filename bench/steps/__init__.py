"""What an iteration is, whether its answer is right, and what it counts.

May import `devices`, `record`, `models` and torch.
Start with `step`, which says what every step has in common, and `forward_backward_train`, whose loops are timed.
`subject` alone touches `models`, which may be those of an old commit.
"""
