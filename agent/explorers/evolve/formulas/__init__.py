"""Strongly typed genetic programming over the decisions of a controller: formulas, their frame, and their changes.

A controller makes few decisions: how many branches run, which advance how far, which are pruned, when to stop, and
what a vote weighs. Each decision is a slot of one fixed frame (`frame`), and holds a formula (`expression`): a typed
tree over named features (`vocabulary`) of the episode, of a branch or of an answer, and over constants. A constant has
a value at beta = 0 and one at beta = 1, so every inner parameter is monotone in beta by construction; where it is
known whether a larger constant spends more tokens, more beta spends more tokens (`polarity`).

A genome (`program.Program`) is one formula for each slot, as JSON::

    {"stop": ["and", ["ge", ["finished"], ["c", "N", 1, 4]], ["ge", ["lead"], ["c", "N", 1.2, 16]]], ...}

`simplify` gives equal formulas one form. `source` and `frame` write a program as Python: formulas become plain
expressions over local names, constants get names from what they are compared with, and every feature in use is
explained. `growth` draws formulas at random, `moves` changes and recombines them, and `translation` writes today's
building blocks (`..genome`) as formulas, which makes them the vocabulary of the search.

Formulas of different scopes see different features, and types are units: numbers of branches and votes ("N"), lengths
in intervals ("L"), pure numbers ("S") and conditions ("B"). So a lead is never compared with a length, and nothing
depends on the lengths of a particular model: a random formula has no constant in intervals.
"""
