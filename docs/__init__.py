"""The documentation, and what makes the parts of it that follow from the code: `python -m docs`."""
