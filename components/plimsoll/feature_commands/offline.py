"""What an offline store knew of one row at a time, with the event timestamp of each view."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.errors import DataError, PlimsollError
from plimsoll.feature_commands.online import StoredRow, error_text, plain
from plimsoll.feature_commands.rows import store_value
from plimsoll.feature_store.repository.model import Repository
from plimsoll.feature_store.types import as_declared
from plimsoll.formats.feature_plan import View
from plimsoll.timestamps import EPOCH_UTC


def read_offline(opened: Repository, view: View, row: Mapping[str, Any], at: datetime) -> StoredRow:
    """Reads the newest values of a view that had happened by a time, and still counted then.

    Args:
        opened: The repository.
        view: What to read.
        row: Column -> value.
        at: The time; event timestamps up to it count, down to it less the view's TTL.

    Raises:
        DataError: if the source cannot be read.
    """
    keys = {key.join_key: row[key.column] for key in view.keys if key.column}
    if any(value is None for value in keys.values()):
        return StoredRow()
    source = opened.views[view.name].batch_source
    renamed = {new: old for old, new in (source.field_mapping or {}).items()}
    of_keys = {renamed.get(name, name): name for name in keys}
    of_features = {renamed.get(item.name, item.name): item for item in view.features}
    event = renamed.get(source.timestamp_field, source.timestamp_field)
    created = source.created_timestamp_column
    store = opened.retrieval
    try:
        table = store.provider.offline_store.pull_latest_from_table_or_query(
            config=store.config,
            data_source=source,
            join_key_columns=list(of_keys),
            feature_name_columns=list(of_features),
            timestamp_field=event,
            created_timestamp_column=renamed.get(created, created) or None,
            start_date=at - timedelta(microseconds=view.ttl_us) if view.ttl_us else EPOCH_UTC,
            end_date=at,
        ).to_arrow()
    except PlimsollError:
        raise
    except Exception as error:  # offline stores are plug-ins, and raise what their engines raise
        raise DataError(
            f"the source of the view {view.name} cannot be read", cause=error_text(error, opened)
        ) from error
    types = {key.join_key: key.type for key in view.keys}
    for column, name in of_keys.items():
        wanted = pa.scalar(store_value(keys[name], types[name]), table.schema.field(column).type)
        table = table.filter(pc.equal(table.column(column), wanted))
    if not table.num_rows:
        return StoredRow()
    newest = table.sort_by([(event, "descending")]).slice(0, 1)
    values = {
        item.name: plain(
            as_declared(newest.column(column), item.type, f"{item.name} of {view.name}")[0].as_py()
        )
        for column, item in of_features.items()
    }
    happened = newest.column(event)[0].as_py()
    return StoredRow(event=happened.replace(tzinfo=happened.tzinfo or UTC), values=values)
