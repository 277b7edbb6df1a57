"""The agents, what they remember, and how they work together."""
