"""What `tracing-proxies run` puts first on the path of the program that it starts."""
