"""Rows in, plotly figures or inline SVG out. No Dash, no IO."""
