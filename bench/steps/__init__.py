"""What an iteration is, whether its answer is right, what it counts, and what a model's code leaves behind.

May import `devices`, `record`, `models`, the whole writes of `files`, and torch.
Start with `step`, which says what every step has in common, and `forward_backward_train`, `predict` and `own`, whose
loops are timed; `find_step` lists them.
`catalogue` alone finds models: ours in `models`, which may be those of an old commit, torchvision's and the user's own.
"""
