"""The tools of an explorer: list and compare versions, read traces, try drafts, and submit a candidate."""
