"""The shadow: a process beside the workers in which another model scores what the champion has answered."""
