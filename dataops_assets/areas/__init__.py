"""Ad-hoc areas at work: who looks after areas, and queries whose results lie in them."""
