"""What a schema says of columns whose type alone does not tell how to treat them."""

from pathlib import Path

from plimsoll.errors import ArtifactError

SCHEMA_FILE = "schema.pbtxt"


def declared_categorical(schema: Path) -> frozenset[str]:
    """Returns the int columns that a schema declares categorical.

    Args:
        schema: The schema artifact's folder; without a schema file nothing is declared.

    Raises:
        ArtifactError: if the file is not a schema.
    """
    path = Path(schema) / SCHEMA_FILE
    if not path.is_file():
        return frozenset()
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    message = schema_pb2.Schema()
    try:
        text_format.Parse(path.read_text("utf-8"), message)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path} is not a schema", cause=str(error)) from error
    return frozenset(
        feature.name
        for feature in message.feature
        if feature.HasField("int_domain") and feature.int_domain.is_categorical
    )
