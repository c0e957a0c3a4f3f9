"""What features are about: the keys that a row of flights brings along.

A route is no entity of its own: Feast's entities have one key each, and a view may have several
entities. A route's views have two, ``origin`` and ``destination``.
"""

from feast import Entity, ValueType

origin = Entity(
    name="origin",
    join_keys=["origin"],
    value_type=ValueType.STRING,
    description="One of New York's airports, by its FAA code: EWR, JFK or LGA",
)
destination = Entity(
    name="destination",
    join_keys=["dest"],
    value_type=ValueType.STRING,
    description="The airport that a flight goes to, by its FAA code",
)
carrier = Entity(
    name="carrier",
    join_keys=["carrier"],
    value_type=ValueType.STRING,
    description="An airline, by its two-letter code",
)
plane = Entity(
    name="plane",
    join_keys=["tailnum"],
    value_type=ValueType.STRING,
    description="One aircraft, by its tail number",
)
