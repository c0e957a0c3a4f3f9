"""What commands print of data sets, schemas and feature stores."""
