"""Which calls are kept, and how many each of them stands for."""
