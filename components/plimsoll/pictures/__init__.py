"""Pages and charts as self-contained HTML and SVG: no scripts, nothing fetched, light and dark."""
