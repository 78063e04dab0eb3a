"""Renderers of one result model: the terminal and a self-contained HTML page."""
