"""Devices, process groups, sharding, and the heartbeat by which processes stay together."""
