"""Signatures of models and records: keys, the format of model.sig, and what an installation signs and trusts."""
