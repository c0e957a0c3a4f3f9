"""Applies a fitted transform with numpy alone, in training as in serving."""
