"""The market simulation: scenarios, triggers, the engine that raises them and the consumer that handles them."""
