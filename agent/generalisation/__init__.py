"""Against over-fitting: what a figure is worth on questions, models and branch orders that it was not chosen by."""
