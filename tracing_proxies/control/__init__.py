"""Control of a running process by its owner: a unix socket that is asked in lines of JSON."""
