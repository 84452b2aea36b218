"""The model room, on small random loans; real data only in the slow tests."""
