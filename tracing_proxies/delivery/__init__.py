"""Takes ended spans off the application's threads and brings them to their destinations, each one accounted for."""
