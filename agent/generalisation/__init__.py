"""Against over-fitting: what a figure is worth on questions and models that it was not chosen by."""
