"""What is wrong or worth knowing about a registry, the application that it names, and where its traces go."""
