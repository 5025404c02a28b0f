"""The Dash shell: pages, panels by kind, callbacks. Knows no SLO arithmetic."""
