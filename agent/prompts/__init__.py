"""What a language model is told when it is asked for a proposal: the texts, and what is filled into them."""
