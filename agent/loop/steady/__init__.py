"""The steady state: a search without a barrier between generations, deterministic from its event log."""
