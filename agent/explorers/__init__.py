"""Whatever proposes candidates: one file for each explorer, one small protocol between them."""
