"""Feast as Plimsoll uses it: repositories, point-in-time joins, online stores."""
