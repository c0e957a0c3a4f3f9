"""Servers that tests of the repository talk to."""

from redis_server import real_redis

__all__ = ["real_redis"]
