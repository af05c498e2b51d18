"""Sounds to learn from and to be judged by: categories, recordings, synthesis, made films."""
