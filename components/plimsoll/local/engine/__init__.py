"""Runs steps: their environments, processes and cache, and the seam into kfp.local."""
