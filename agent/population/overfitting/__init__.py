"""Corrects scores for luck: estimates how much of a score holds on questions and models that selection did not see."""
