"""The discovery loop: the LangGraph state machine, its nodes, and the evaluation of candidates."""
