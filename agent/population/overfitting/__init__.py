"""Corrects scores for luck: how much of a version's score will hold on questions and models it was not chosen on."""
