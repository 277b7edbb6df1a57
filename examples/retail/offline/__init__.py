"""How the offline model thinks: which tools to call, with which arguments, and what to answer."""
