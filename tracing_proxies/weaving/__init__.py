"""Registry to woven code, and exactly back."""
