"""What each page is told: one module a page."""
