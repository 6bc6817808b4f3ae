"""Everything has an end: how long things are kept, what is due, and how it goes."""
