"""Rules that hold for the whole source tree: who imports whom, unique names, and the words of the glossary."""
