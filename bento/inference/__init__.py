"""From checked loans to scored ones: champion in memory, queue, and the engine that joins both."""
