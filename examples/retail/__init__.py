"""A multi-agent retail optimiser: a simulated market raises triggers, three agents and an orchestrator decide."""
