"""Inference: the loaded champion, the batcher, and the engine that turns checked loans into logged predictions."""
