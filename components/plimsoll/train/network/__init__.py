"""The network that is trained: its shape, the weights it starts from, a module of one's own."""
